import { z } from 'zod';
import type { Readiness } from '#libs/platform';
import { reasonOf } from '#libs/platform';
import type { TopicName } from '#libs/events';
import type { Upstream } from '../edge/upstream.ts';

const appStatus = z.looseObject({ ready: z.boolean(), idle: z.boolean(), reasons: z.array(z.string()).default([]) });
type AppStatus = z.output<typeof appStatus>;

export const systemStatus = z
  .object({
    app: z.literal('gateway'),
    ready: z.boolean().describe('Every app is ready.'),
    reasons: z.array(z.string()),
    idle: z.boolean().describe('Nothing is pending anywhere: no lag, no open work, no retraining.'),
    apps: z.record(z.string(), appStatus).describe('The status of each app, as it says it itself.'),
    lags: z
      .record(z.string(), z.record(z.string(), z.number().nullable()))
      .describe('Consumer group to topic to records not yet committed; null when it cannot be read.'),
  })
  .meta({ id: 'SystemStatus' });
export type SystemStatus = z.output<typeof systemStatus>;

/** Who reads what, by consumer group. */
export type GroupTopics = Readonly<Record<string, readonly TopicName[]>>;

export interface SystemStatusOptions {
  apps: readonly Upstream[];
  groups: GroupTopics;
  /** Records between the group's commit and the end of the topic. */
  lag: (group: string, topic: TopicName) => Promise<number>;
  readiness: Readiness;
}

const statusDeadline = 3000;

/** How the whole loop is, asked of every part at once. */
export class SystemStatusReader {
  readonly #options: SystemStatusOptions;

  constructor(options: SystemStatusOptions) {
    this.#options = options;
  }

  async read(): Promise<SystemStatus> {
    const { apps, readiness } = this.#options;
    // Lags before and after the apps: a record on its way from one app to the next is seen by one of the two.
    const before = await this.#lags();
    const answers = await Promise.all(apps.map(async (app) => [app.name, await statusOf(app)] as const));
    const lags = await this.#lags();
    const reasons = [
      ...readiness.reasons,
      ...answers.flatMap(([name, status]) =>
        status.ready
          ? []
          : (status.reasons.length === 0 ? ['not ready'] : status.reasons).map((reason) => `${name}: ${reason}`),
      ),
    ];
    const settled = [before, lags].every((all) =>
      Object.values(all).every((topics) => Object.values(topics).every((lag) => lag === 0)),
    );
    return {
      app: 'gateway',
      ready: reasons.length === 0,
      reasons,
      idle: settled && answers.every(([, status]) => status.idle),
      apps: Object.fromEntries(answers),
      lags,
    };
  }

  async #lags(): Promise<SystemStatus['lags']> {
    const { groups, lag } = this.#options;
    const lags: SystemStatus['lags'] = {};
    await Promise.all(
      Object.entries(groups).map(async ([group, topics]) => {
        const entries = await Promise.all(
          topics.map(async (topic) => [topic, await lag(group, topic).catch(() => null)] as const),
        );
        lags[group] = Object.fromEntries(entries);
      }),
    );
    return lags;
  }
}

async function statusOf(app: Upstream): Promise<AppStatus> {
  try {
    return await app.json('/v1/status', appStatus, { deadline: statusDeadline });
  } catch (error) {
    return { ready: false, idle: false, reasons: [reasonOf(error)] };
  }
}
