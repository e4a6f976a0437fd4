import type { ModelVersion } from '#libs/events';

/** A promotion to epoch `version` of a model; `fields` say otherwise. */
export function versionEvent(
  fields: Pick<ModelVersion, 'model' | 'version' | 'bundleDigest'> & Partial<ModelVersion>,
): ModelVersion {
  return {
    epoch: fields.version,
    action: 'promote',
    reason: '',
    promotedBy: 'test',
    at: 0,
    signature: null,
    revision: 0,
    challengers: [],
    ...fields,
  };
}
