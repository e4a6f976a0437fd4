import type { RegistryEvent } from '#libs/events';

/** A registry event with the fields of a test. */
export function registryEvent(fields: Partial<RegistryEvent> & Pick<RegistryEvent, 'id' | 'kind'>): RegistryEvent {
  return {
    model: 'news',
    version: null,
    runId: null,
    stage: null,
    epoch: null,
    bundleDigest: null,
    alias: null,
    requestId: null,
    parameters: {},
    metrics: {},
    artifacts: {},
    lineage: '',
    by: 'ana',
    reason: '',
    at: 1,
    ...fields,
  };
}
