import type { TopicDefinition, TopicName } from '#libs/events';
import { reasonOf } from '#libs/platform';
import type { BackendAdmin, TopicDescription, TopicSpecification } from '../backend/backend.ts';
import type { SchemaCodec } from '../codec/schema-codec.ts';
import { asStreamError } from '../errors.ts';
import { planTopics, type TopicPlanOptions } from './topic-plan.ts';

/** One topic as declared, and what was found. */
export interface TopicReport {
  topic: string;
  state: 'missing' | 'created' | 'present';
  /** How it differs from its declaration, one sentence each, and what to do. */
  problems: string[];
}

export interface WaitOptions {
  /** Called about once a second with what is waited for. */
  onWaiting: (reason: string) => void;
  signal?: AbortSignal;
}

export interface StreamAdmin {
  /** Creates what is missing and raises partitions of empty topics; anything else that differs is reported. */
  applyTopics(definitions: readonly TopicDefinition[]): Promise<TopicReport[]>;
  /** The same without changing anything. */
  checkTopics(definitions: readonly TopicDefinition[]): Promise<TopicReport[]>;
  /** Waits until the broker answers and every topic exists. Returns early when the signal aborts. */
  waitForTopics(definitions: readonly TopicDefinition[], options: WaitOptions): Promise<void>;
  /** Registers every schema. @throws TidemillError SCHEMA_INCOMPATIBLE with the registry's reason. */
  registerSchemas(definitions: readonly TopicDefinition[]): Promise<Map<TopicName, number>>;
  /** Per partition the oldest offset and the one after the newest record. */
  endOffsets(topic: TopicName): Promise<{ partition: number; low: bigint; high: bigint }[]>;
  /** Per partition the first offset whose record is not older than `time` (epoch milliseconds), else the end. */
  offsetsAt(topic: TopicName, time: number): Promise<Map<number, bigint>>;
  /** Records a group has not committed yet. */
  groupLag(groupId: string, topic: TopicName): Promise<{ total: number; partitions: PartitionLag[] }>;
}

export interface PartitionLag {
  partition: number;
  committed: bigint;
  end: bigint;
  lag: number;
}

export interface StreamAdminOptions extends TopicPlanOptions {
  backend: BackendAdmin;
  codec: SchemaCodec;
}

const waitInterval = 1000;

export function createStreamAdmin(options: StreamAdminOptions): StreamAdmin {
  const { backend, codec, topicPrefix } = options;
  const inspect = (definitions: readonly TopicDefinition[], apply: boolean) =>
    asOurs(() => inspectTopics(backend, planTopics(definitions, options), apply));
  return {
    applyTopics: (definitions) => inspect(definitions, true),
    checkTopics: (definitions) => inspect(definitions, false),
    waitForTopics: (definitions, wait) => waitForTopics(() => inspect(definitions, false), wait),
    async registerSchemas(definitions) {
      const ids = new Map<TopicName, number>();
      for (const { topic } of definitions) ids.set(topic, await codec.register(topic));
      return ids;
    },
    endOffsets: (topic) => asOurs(() => backend.offsets(topicPrefix + topic)),
    offsetsAt: (topic, time) => asOurs(() => backend.offsetsAt(topicPrefix + topic, time)),
    groupLag: (groupId, topic) => asOurs(() => groupLag(backend, topicPrefix + groupId, topicPrefix + topic)),
  };
}

async function inspectTopics(
  backend: BackendAdmin,
  wanted: TopicSpecification[],
  apply: boolean,
): Promise<TopicReport[]> {
  const names = wanted.map(({ topic }) => topic);
  const existing = new Map((await backend.describeTopics(names)).map((found) => [found.topic, found]));
  const missing = wanted.filter(({ topic }) => !existing.has(topic));
  if (apply && missing.length > 0) await backend.createTopics(missing);
  const reports: TopicReport[] = [];
  for (const specification of wanted) {
    const found = existing.get(specification.topic);
    if (found === undefined) {
      reports.push({ topic: specification.topic, state: apply ? 'created' : 'missing', problems: [] });
      continue;
    }
    const problems = configurationDrift(specification, found);
    const partitions = await partitionDrift(backend, { specification, found, apply });
    if (partitions !== undefined) problems.unshift(partitions);
    reports.push({ topic: specification.topic, state: 'present', problems });
  }
  return reports;
}

async function partitionDrift(
  backend: BackendAdmin,
  { specification, found, apply }: { specification: TopicSpecification; found: TopicDescription; apply: boolean },
): Promise<string | undefined> {
  const { topic, partitions: declared } = specification;
  if (found.partitions === declared) return undefined;
  const differs = `${found.partitions} partitions, ${declared} declared`;
  if (found.partitions > declared)
    return `${differs}; Kafka cannot take partitions away, so declare ${found.partitions}`;
  const offsets = await backend.offsets(topic);
  if (offsets.some(({ high }) => high > 0n)) {
    return `${differs}; not raised because it holds records, whose keys would move to other partitions and lose their order`;
  }
  if (!apply) return `${differs}; \`tidemill topics apply\` raises them, the topic is empty`;
  await backend.raisePartitions(topic, declared);
  return undefined;
}

function configurationDrift({ configuration }: TopicSpecification, found: TopicDescription): string[] {
  return Object.entries(configuration)
    .filter(([name, value]) => found.configuration[name] !== undefined && found.configuration[name] !== value)
    .map(([name, value]) => `${name} is ${found.configuration[name]}, ${value} declared; left as it is`);
}

async function waitForTopics(check: () => Promise<TopicReport[]>, { onWaiting, signal }: WaitOptions): Promise<void> {
  for (;;) {
    if (signal?.aborted === true) return;
    try {
      const missing = (await check()).filter(({ state }) => state === 'missing').map(({ topic }) => topic);
      if (missing.length === 0) return;
      onWaiting(`topics are missing: ${missing.join(', ')}; run \`tidemill topics apply\``);
    } catch (error) {
      onWaiting(`Kafka does not answer: ${reasonOf(error)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, waitInterval));
  }
}

async function groupLag(backend: BackendAdmin, groupId: string, topic: string) {
  const [ends, committed] = await Promise.all([backend.offsets(topic), backend.committed(groupId, topic)]);
  const partitions = ends.map(({ partition, low, high }) => {
    const next = committed.get(partition) ?? -1n;
    // Nothing committed: the group will begin at the oldest record.
    const from = next < low ? low : next;
    return { partition, committed: next, end: high, lag: Number(high > from ? high - from : 0n) };
  });
  return { total: partitions.reduce((sum, { lag }) => sum + lag, 0), partitions };
}

async function asOurs<R>(run: () => Promise<R>): Promise<R> {
  try {
    return await run();
  } catch (error) {
    throw asStreamError(error);
  }
}
