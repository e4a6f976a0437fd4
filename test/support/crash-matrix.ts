import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Text } from '#libs/events';
import { type Bundle, classify, hostModel } from '#libs/model';
import { ArtifactStore } from '#libs/registry';
import type { StreamProducer } from '#libs/stream';
import { temporaryFolder, testText, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import type { ArmedFault, Mutant } from './fault-points.ts';
import { type KafkaCluster, startKafkaCluster } from './kafka-process.ts';
import { alive, familyOf, tidemill } from './product.ts';
import { openTestStream, type TestStream } from './stream.ts';
import { Supervised } from './supervised.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { hostOf, type Sides, ToldVersions, type TriedBundles } from './told-versions.ts';

const model = 'ledger';
/** How long a dead member keeps its partitions, in milliseconds; a busy machine must still find time for heartbeats. */
const session = 2000;
const chunk = 100;
/** A point that is not reached by then shows nothing, in milliseconds. */
const reachedWithin = 60_000;
const caughtUpWithin = 120_000;
/** Longest a version may answer after the next was promoted, in seconds; a start of inference on a busy machine is within. */
const staleness = 20;

export interface CrashMatrixOptions {
  /** Folder of Kafka's jars. */
  libraries: string;
  registryUrl: string;
  /** Default 1; of three or more any one may be away. */
  brokers?: number;
  /** With monitoring, ClickHouse and the gateway. */
  tables: boolean;
  mutant?: Mutant;
}

const auditAnswer = z.object({
  texts: z.number(),
  answered: z.number(),
  deadLettered: z.number(),
  deadLetterErrors: z.record(z.string(), z.number()),
  inFlight: z.number(),
  predictions: z.record(z.string(), z.number()),
  repeated: z.number(),
  answeredAgain: z.number(),
  answeredByBoth: z.number(),
  olderAfterNewer: z.number(),
  findings: z.record(z.string(), z.number()),
  stored: z
    .object({ predictions: z.number(), texts: z.number(), deadLetters: z.number(), inFlight: z.number() })
    .optional(),
  list: z.array(z.object({ kind: z.string(), offset: z.number(), detail: z.string() })),
});

export type AuditAnswer = Omit<z.output<typeof auditAnswer>, 'findings'> & {
  code: number | null;
  /** Kinds of what was found, and how often. */
  wrong: Record<string, number>;
};

/** What a fault did, and how long it took until everything sent meanwhile was answered, and stored where there are tables. */
export interface FaultRecord {
  name: string;
  catchUp: number;
}

interface Parts {
  folder: string;
  kafka: KafkaCluster;
  registry: TcpProxy;
  test: TestStream;
  bundles: TriedBundles;
}

/**
 * A fleet to be broken: Kafka of its own, the registry behind a proxy, inference with fault points, and the tables.
 * What ends is started again at once, as a supervisor does.
 */
export class CrashMatrix implements AsyncDisposable {
  readonly faults: FaultRecord[] = [];
  readonly kafka: KafkaCluster;
  readonly registry: TcpProxy;
  readonly test: TestStream;
  readonly #options: CrashMatrixOptions;
  readonly #parts: Parts;
  readonly #stack: AsyncDisposableStack;
  readonly #producer: StreamProducer;
  readonly #instances: Supervised[] = [];
  readonly #tables: Supervised | undefined;
  readonly #versions: ToldVersions;
  #sent = 0;
  #unreadable = 0;
  #ofNobody = 0;

  /** `beside`: on the broker of another, with topics of its own. */
  static async open(options: CrashMatrixOptions, beside?: CrashMatrix): Promise<CrashMatrix> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const target = new URL(options.registryUrl);
    const registry = stack.use(await startTcpProxy({ host: target.hostname, port: Number(target.port) }));
    const { libraries, registryUrl, brokers: count = 1 } = options;
    const kafka = beside?.kafka ?? stack.use(await startKafkaCluster({ libraries, count, shortestSession: 1000 }));
    const { brokers } = kafka;
    const test = stack.use(await openTestStream({ brokers, registryUrl, replicationFactor: count }));
    const bundles = await makeBundles(folder.path);
    return new CrashMatrix(options, { folder: folder.path, kafka, registry, test, bundles }, stack.move());
  }

  private constructor(options: CrashMatrixOptions, parts: Parts, stack: AsyncDisposableStack) {
    this.#options = options;
    this.#parts = parts;
    this.#stack = stack;
    this.kafka = parts.kafka;
    this.registry = parts.registry;
    this.test = parts.test;
    this.#producer = parts.test.stream.producer();
    this.#versions = new ToldVersions(model, this.#producer, parts.bundles);
    const entry = join(import.meta.dirname, 'tables-process.ts');
    const dataDirectory = join(parts.folder, 'tables');
    if (options.tables)
      this.#tables = stack.use(
        new Supervised(entry, {
          ...this.#settings,
          TIDEMILL__DATADIRECTORY: dataDirectory,
          TIDEMILL__HTTP__PORT: '0',
          TIDEMILL__MONITORING__PORT: '0',
          UV_THREADPOOL_SIZE: '16',
        }),
      );
  }

  get sent(): number {
    return this.#sent;
  }

  /** What has to become of texts: of these and no others, dead letters. */
  get deadLetterErrors(): Record<string, number> {
    return { 'unknown-magic': this.#unreadable, 'unknown-model': this.#ofNobody };
  }

  get epoch(): number {
    return this.#versions.epoch;
  }

  get instances(): readonly Supervised[] {
    return this.#instances;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** As many instances as this, all of them at work; the newest leave first. */
  async scale(count: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const entry = join(import.meta.dirname, 'faulty-inference.ts');
    while (this.#instances.length < count) {
      const instance = new Supervised(entry, {
        ...this.#settings,
        TIDEMILL__DATADIRECTORY: this.#parts.folder,
        TIDEMILL__INFERENCE__PORT: '0',
        TIDEMILL__INFERENCE__INSTANCE: `instance-${this.#instances.length}`,
        // Some hundred texts: many batches, so that there is much to stand between.
        TIDEMILL__INFERENCE__FETCHBYTESPERPARTITION: '16384',
        CRASH_SESSION: String(session),
        CRASH_MUTANT: this.#options.mutant ?? '',
      });
      this.#instances.push(this.#stack.use(instance));
    }
    for (const leaving of this.#instances.splice(count)) await leaving.stop(signal);
    for (const { process } of this.#instances) await process.url;
  }

  /** Sends texts; every 97th cannot be read, every 193rd is for a model nobody has made. */
  async send(count: number): Promise<void> {
    for (const end = this.#sent + count; this.#sent < end;) {
      const indices = Array.from({ length: Math.min(chunk, end - this.#sent) }, (_, i) => this.#sent + i);
      this.#sent += indices.length;
      const texts = indices.filter((index) => index % 97 !== 0).map(textOf);
      await this.#producer.send(
        'texts',
        texts.map((value) => ({ key: value.id, value })),
      );
      this.#ofNobody += texts.filter((text) => text.model !== model).length;
      const junk = indices.filter((index) => index % 97 === 0);
      this.#unreadable += junk.length;
      const messages = junk.map((index) => ({ key: `t${index}`, value: Buffer.from(`junk ${index}`) }));
      await this.#producer.sendRaw('texts', messages);
    }
  }

  /** The next epoch; each is another bundle than the one before. */
  async promote(): Promise<void> {
    await this.#versions.promote();
  }

  /** The next epoch, promoted so long ago that no other one may answer any more once this resolves. */
  async promoteLongAgo(): Promise<void> {
    await this.#versions.promote(staleness * 1000);
    await this.#followed();
  }

  /** A canary and a shadow beside the champion, in every instance. */
  async tryBeside(): Promise<void> {
    await this.#versions.tryBeside();
    await this.#followed();
  }

  /** The champion alone. */
  async withdraw(): Promise<void> {
    await this.#versions.withdraw();
    await this.#followed();
  }

  async #followed(): Promise<void> {
    const follows = async ({ process }: Supervised) => {
      const url = await process.url;
      return await this.#versions.followedBy(url);
    };
    const all = async () => {
      const following = this.#instances.map((instance) => follows(instance).catch(() => false));
      return (await Promise.all(following)).every(Boolean);
    };
    await within(caughtUpWithin, 'every instance follows what was told', until(all));
  }

  /** Lets something happen while texts come, at least so many, and waits until all of them are answered and stored. */
  async fault(name: string, texts: number, happen: () => Promise<void>): Promise<void> {
    const began = performance.now();
    let over = false;
    const happening = happen().finally(() => (over = true));
    // Many at once, for large batches; then some all the time.
    const sending = async () => {
      await this.send(texts);
      for (; !over; await delay(50)) await this.send(chunk);
    };
    await Promise.all([happening, sending()]);
    await this.caughtUp();
    if (this.#tables !== undefined) await this.#stored();
    this.faults.push({ name, catchUp: performance.now() - began });
  }

  /** Ends an instance at a point of its work. */
  async killAt(fault: ArmedFault, { texts, promotes }: { texts: number; promotes: boolean }): Promise<void> {
    const { process } = this.#instance(0);
    await process.ask(fault);
    await this.fault(`kill -9 ${promotes ? 'in a swap, ' : ''}${fault.point}`, texts, async () => {
      if (promotes) await this.promote();
      await within(reachedWithin, `the point “${fault.point}”`, process.ended);
    });
  }

  /** Stops an instance at a point until the others have done its work, then lets it go on. */
  async stopAt(fault: Omit<ArmedFault, 'signal'>, texts: number): Promise<void> {
    const { process: own } = this.#instance(0);
    await own.ask({ ...fault, signal: 'SIGSTOP' });
    await this.fault(`paused ${fault.point}, evicted`, texts, async () => {
      await within(
        reachedWithin,
        `the point “${fault.point}”`,
        until(() => isStopped(own.pid)),
      );
      await this.caughtUp();
      process.kill(own.pid, 'SIGCONT');
      // What it had in hand is written or refused before it asks for more.
      await delay(session);
    });
  }

  async killHost(texts: number): Promise<void> {
    await this.fault('model host killed', texts, async () => {
      const { pid, url } = this.#instance(0).process;
      await url;
      const [, ...hosts] = await familyOf(pid);
      for (const host of hosts) process.kill(host, 'SIGKILL');
    });
  }

  /** Ends or stops what runs a challenger, which nobody is to wait for. */
  async breakChallenger(role: 'canary' | 'shadow', signal: 'SIGKILL' | 'SIGSTOP', texts: number): Promise<void> {
    const { url } = this.#instance(0).process;
    let host = 0;
    // The one before may have ended just now.
    const runs = async () => {
      host = await hostOf(role, await url);
      return alive([host]).length > 0;
    };
    await within(caughtUpWithin, `the ${role} runs`, until(runs));
    const name = signal === 'SIGKILL' ? `host of the ${role} killed` : `host of the ${role} blocked`;
    await this.fault(name, texts, () => Promise.resolve(void process.kill(host, signal)));
    // Its parent may have ended it.
    if (signal === 'SIGSTOP' && alive([host]).length > 0) process.kill(host, 'SIGCONT');
  }

  async breakTables(signal: 'SIGKILL' | 'SIGSTOP', texts: number): Promise<void> {
    const { process: own } = this.#tables ?? this.#instance(0);
    await own.url;
    await this.fault(signal === 'SIGKILL' ? 'tables killed' : 'tables blocked', texts, async () => {
      process.kill(own.pid, signal);
      await delay(2 * session);
      if (signal === 'SIGSTOP') process.kill(own.pid, 'SIGCONT');
    });
  }

  /** Until inference has committed everything that was sent. */
  async caughtUp(): Promise<void> {
    const { admin } = this.test.stream;
    const done = async () => (await admin.groupLag('inference', 'texts').catch(() => undefined))?.total === 0;
    await within(caughtUpWithin, 'everything is answered', until(done));
  }

  /** Until monitoring has committed everything that is there now. */
  async #stored(): Promise<void> {
    const { admin } = this.test.stream;
    const lag = (topic: 'texts' | 'predictions') => admin.groupLag('monitoring', topic).catch(() => undefined);
    const done = async () => (await lag('texts'))?.total === 0 && (await lag('predictions'))?.total === 0;
    await within(caughtUpWithin, 'everything is stored', until(done));
  }

  /** Which of champion and canary answered, held against what was told. */
  async sides(): Promise<Sides> {
    return await this.#versions.sides(this.test.stream);
  }

  /** What `tidemill audit texts` says, for programs. */
  async audit(): Promise<AuditAnswer> {
    const { code, stdout } = await this.runAudit('--json', '--limit', '1000');
    const { findings, ...answer } = auditAnswer.parse(JSON.parse(stdout));
    return { code, ...answer, wrong: Object.fromEntries(Object.entries(findings).filter(([, count]) => count > 0)) };
  }

  /** `tidemill audit texts` as a user runs it. */
  async runAudit(...args: string[]): Promise<{ code: number | null; stdout: string }> {
    const { folder, kafka } = this.#parts;
    const dataDirectory = join(folder, 'audit');
    await mkdir(dataDirectory, { recursive: true });
    const settings = {
      dataDirectory,
      kafka: { brokers: kafka.brokers.join(','), topicPrefix: this.test.topicPrefix },
      schemaRegistry: { url: this.#options.registryUrl },
    };
    const config = join(dataDirectory, 'audit.json');
    await writeFile(config, JSON.stringify(settings));
    const tables =
      this.#tables === undefined
        ? ['--no-tables']
        : ['--url', await this.#tables.process.url, '--token', await this.#token()];
    const bounds = ['--wait', '2m', '--staleness', `${staleness}s`];
    const asked = ['audit', 'texts', '--config', config, ...bounds, ...tables, ...args];
    const { code, stdout, stderr } = await tidemill(...asked);
    if (stdout === '') throw new Error(`tidemill ${asked.join(' ')}:\n${stderr}`);
    return { code, stdout };
  }

  /** Where serving-status tells another first offset of an epoch in a partition than its first answer has. */
  async wrongCutOvers(): Promise<string[]> {
    const firsts = new Map<string, number>();
    await this.test.stream.readToEnd('predictions', ({ value }) => {
      if (value === null) return;
      const key = `${value.epoch}/${value.inputPartition}`;
      firsts.set(key, Math.min(value.inputOffset, firsts.get(key) ?? Infinity));
    });
    const wrong: string[] = [];
    const told = new Set<string>();
    await this.test.stream.readToEnd('serving-status', ({ value }) => {
      for (const { partition, offset } of value?.firstOffsets ?? []) {
        const key = `${value?.epoch}/${partition}`;
        told.add(key);
        if (firsts.get(key) !== offset)
          wrong.push(`epoch and partition ${key}: told ${offset}, was ${firsts.get(key)}`);
      }
    });
    const untold = [...firsts.keys()].filter((key) => !told.has(key));
    return [...wrong, ...untold.map((key) => `epoch and partition ${key}: not told`)];
  }

  /** Answers that the bundle they name does not give: computed anew, compared bit for bit. */
  async mislabelled(): Promise<string[]> {
    const { champions, canary, shadow } = this.#parts.bundles;
    const wrong: string[] = [];
    const texts = Array.from({ length: this.#sent }, (_, index) => textOf(index).text);
    const options = { executionProviders: ['cpu'], threads: 1 };
    const own = new Map<string, Awaited<ReturnType<typeof classify>>>();
    for (const bundle of [...champions, canary, shadow])
      own.set(bundle.digest, await classify(hostModel(bundle), texts, options));
    await this.test.stream.readToEnd('predictions', ({ value }) => {
      if (value === null) return;
      const { textId, bundleDigest, probabilities, label, inputPartition, inputOffset } = value;
      const expected = own.get(bundleDigest)?.[Number(textId.slice(1))]?.probabilities ?? [];
      const best = (expected[0] ?? 0) >= (expected[1] ?? 0) ? 'north' : 'south';
      const same = ['north', 'south'].every((name, i) => Object.is(probabilities[name], expected[i]));
      if (!same || label !== best) wrong.push(`texts-${inputPartition}@${inputOffset} by epoch ${value.epoch}`);
    });
    return wrong;
  }

  /** What instances have logged, for when something went wrong. */
  logs(): string {
    return this.#instances.map(({ process }) => process.log()).join('\n');
  }

  get #settings(): Record<string, string> {
    const { kafka, registry, test } = this.#parts;
    return {
      TIDEMILL__KAFKA__BROKERS: kafka.brokers.join(','),
      TIDEMILL__KAFKA__TOPICPREFIX: test.topicPrefix,
      TIDEMILL__KAFKA__SESSIONTIMEOUT: '6s',
      TIDEMILL__SCHEMAREGISTRY__URL: `http://127.0.0.1:${registry.port}${new URL(this.#options.registryUrl).pathname}`,
    };
  }

  #instance(index: number): Supervised {
    const found = this.#instances[index];
    if (found === undefined) throw new Error(`no instance ${index} runs`);
    return found;
  }

  async #token(): Promise<string> {
    return (await readFile(join(this.#parts.folder, 'tables', 'token'), 'utf8')).trim();
  }
}

async function makeBundles(folder: string): Promise<TriedBundles> {
  const store = new ArtifactStore(join(folder, 'artifacts'));
  const make = async (variant: number): Promise<Bundle> => {
    const bundle = await writeTestBundle(join(folder, `v${variant}`), { variant, model });
    await store.addBundle(bundle.directory, bundle.digest);
    return { ...bundle, directory: store.bundleDirectory(bundle.digest) ?? '' };
  };
  return { champions: [await make(0), await make(1), await make(2)], canary: await make(3), shadow: await make(4) };
}

function textOf(index: number): Text {
  const text = `${testText(index % 2 === 0 ? 'north' : 'south', index, index % 3)} ${index}`;
  const wanted = index % 193 === 1 ? 'nobody' : model;
  return {
    id: `t${index}`,
    model: wanted,
    text,
    occurredAt: Date.UTC(2026, 0) + index,
    source: 'test',
    attributes: {},
  };
}

async function isStopped(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^State:\s+T/m.test(status);
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await delay(50);
}

/** @throws Error that names what was waited for */
async function within<R>(milliseconds: number, what: string, reached: Promise<R>): Promise<R> {
  const late = new AbortController();
  try {
    return await Promise.race([
      reached,
      delay(milliseconds, undefined, { signal: late.signal }).then(() => {
        throw new Error(`not within ${milliseconds / 1000} s: ${what}`);
      }),
    ]);
  } finally {
    late.abort();
  }
}
