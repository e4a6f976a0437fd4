import { type RegistryEvent, versionName } from '#libs/events';
import { registryError } from './errors.ts';
import type { RegistryLog } from './registry-log.ts';
import {
  type EndedRequest,
  emptyModelState,
  type ModelState,
  type RegisteredModel,
  type RegisteredVersion,
  type Run,
} from './registry-state.ts';

/** What the log says so far. */
export class RegistryReader {
  readonly #log: RegistryLog;

  constructor(log: RegistryLog) {
    this.#log = log;
  }

  models(): RegisteredModel[] {
    return [...this.#log.state.models.values()].toSorted((a, b) => (a.model < b.model ? -1 : 1));
  }

  model(name: string): RegisteredModel | undefined {
    return this.#log.state.models.get(name);
  }

  version(name: string, version: number): RegisteredVersion | undefined {
    return this.model(name)?.versions.find((other) => other.version === version);
  }

  /** Newest first. */
  runs(model?: string): Run[] {
    const states = [...this.#log.state.models.values()].filter((state) => model === undefined || state.model === model);
    const runs = states.flatMap((state) => state.runs).toReversed();
    return runs.toSorted((a, b) => b.startedAt - a.startedAt);
  }

  run(runId: string): Run | undefined {
    return this.runs().find((run) => run.runId === runId);
  }

  /** How a request ended; undefined while it has not. */
  ended(model: string, requestId: string): EndedRequest | undefined {
    return this.#log.state.models.get(model)?.ended.find((request) => request.requestId === requestId);
  }

  /** Called with each event that counts from now on, in the order of the log. Returns what ends it. */
  onEvent(listener: (event: RegistryEvent) => void): () => void {
    return this.#log.listen(listener);
  }

  protected state(model: string): ModelState {
    return this.#log.state.models.get(model) ?? emptyModelState(model);
  }

  protected requireRun(runId: string): Run {
    const found = this.run(runId);
    if (found === undefined) throw registryError('UNKNOWN_RUN', { detail: runId });
    return found;
  }

  protected requireVersion(model: string, version: number): RegisteredVersion {
    if (this.model(model) === undefined) {
      const known = this.models().map((other) => other.model);
      throw registryError('UNKNOWN_MODEL', { detail: `${model}; known: ${known.join(', ') || 'none yet'}` });
    }
    const found = this.version(model, version);
    if (found === undefined) throw registryError('UNKNOWN_VERSION', { detail: versionName(model, version) });
    return found;
  }
}
