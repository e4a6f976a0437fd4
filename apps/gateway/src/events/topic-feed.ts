import type { RecordOf, ServingStatus } from '#libs/events';
import type { ModelDirectory } from '../models/model-directory.ts';
import { eventJson, rfc3339 } from '../edge/event-json.ts';
import type { EventHub } from './event-hub.ts';

/** Topics whose records are events of the surface under the topic's own name. */
export const followedTopics = [
  'drift-reports',
  'performance-reports',
  'trigger-decisions',
  'retraining-requests',
  'model-versions',
  'serving-status',
  'registry-events',
] as const;
export type FollowedTopic = (typeof followedTopics)[number];

/** Turns what the loop writes to its topics into events for people, and tells the directory which models there are. */
export class TopicFeed {
  readonly #hub: EventHub;
  readonly #directory: ModelDirectory;
  /** instance/model to the epoch it serves. */
  readonly #serving = new Map<string, { epoch: number; version: number }>();

  constructor(hub: EventHub, directory: ModelDirectory) {
    this.#hub = hub;
    this.#directory = directory;
  }

  /** @param live false for what had been written before the gateway started: it is known, but not news */
  take<T extends FollowedTopic>(topic: T, record: RecordOf<T>, live: boolean): void {
    if (topic === 'model-versions' || topic === 'registry-events') this.#directory.note(record.model);
    if (live) this.#hub.publish(topic, eventJson(topic, record));
    if ('state' in record && record.state === 'serving') this.#serves(record, live);
  }

  /** The first serving status of an instance and epoch is the swap. */
  #serves({ instance, model, version, epoch, firstOffsets, device, at }: ServingStatus, live: boolean): void {
    const key = `${instance}/${model}`;
    const before = this.#serving.get(key);
    if (before !== undefined && before.epoch >= epoch) return;
    this.#serving.set(key, { epoch, version });
    if (!live) return;
    this.#hub.publish('swaps', {
      model,
      epoch,
      version,
      fromVersion: before?.version ?? null,
      instance,
      servingAt: rfc3339(at),
      firstOffsets,
      device,
    });
  }
}
