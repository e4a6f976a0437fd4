import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClickHouse, type TableName, type TableRecords, toRow } from '#libs/clickhouse';
import type { DriftReport, Label, PerformanceReport, TriggerDecision } from '#libs/events';
import { type Configuration, loadConfig, newId } from '#libs/platform';
import { ArtifactStore, Registry } from '#libs/registry';
import { openTemporaryClickHouse } from '../../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { testText, writeTestBundle } from '../../../../libs/model/src/testing/test-bundle.ts';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { RequestQueue } from '../workflow/request-queue.ts';
import { DecisionLog } from './decision-log.ts';
import { Triggers } from './triggers.ts';

const model = 'news';
const hour = 3_600_000;
const start = Date.UTC(2026, 0, 5);
const labels = ['north', 'south'];

function example(path: string) {
  return JSON.parse(readFileSync(new URL(`../../../../schemas/examples/${path}.json`, import.meta.url), 'utf8'));
}

/** The `n`th hour. */
function drift(n: number, fields: Partial<DriftReport> = {}): DriftReport {
  const [windowStart, windowEnd] = [start + n * hour, start + (n + 1) * hour];
  const id = `${model}:${windowStart}:${windowEnd}`;
  return { ...example('drift-reports/1/drift'), id, model, windowStart, windowEnd, ...fields };
}

/** The last labels at the end of the `n`th hour. */
function rolling(n: number, accuracy: number, fields: Partial<PerformanceReport> = {}): PerformanceReport {
  const windowEnd = start + (n + 1) * hour;
  return {
    ...example('performance-reports/1/rolling'),
    id: `${model}:rolling::${windowEnd}`,
    model,
    windowStart: start,
    windowEnd,
    createdAt: memory.clock.now(),
    accuracy: { value: accuracy, lower: 0, upper: 1 },
    ...fields,
  };
}

let memory: MemoryStream;
let clickhouse: ClickHouse;
let directory: string;
let store: ArtifactStore;
let registry: Registry;
let config: Configuration;
let log: DecisionLog;
let queue: RequestQueue;
let triggers: Triggers;
/** Requests end when the test says so. */
let finish: () => void;
let decisions: TriggerDecision[];

beforeEach(async () => {
  memory = await openMemoryStream();
  clickhouse = await openTemporaryClickHouse();
  directory = await mkdtemp(join(tmpdir(), 'tidemill-triggers-'));
  store = new ArtifactStore(directory);
  const { stream, clock, logger } = memory;
  registry = await Registry.open({ stream, clock, logger, newId });
  ({ config } = loadConfig({ env: {} }));
  config.retraining.triggers.driftMinimumLabels = 10;
  decisions = [];
  await stream.readToEnd('trigger-decisions', ({ value }) => void (value !== null && decisions.push(value)), {
    follow: true,
  });
  await promote(0);
  await open();
});

afterEach(async () => {
  await close();
  await registry.close();
  await memory.stream.close();
  await clickhouse.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(): Promise<void> {
  const { stream, clock, logger, metrics } = memory;
  const work = Promise.withResolvers<void>();
  finish = work.resolve;
  const run = async ({ model: of, id }: { model: string; id: string }, signal: AbortSignal) => {
    await Promise.race([work.promise, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    if (!signal.aborted) {
      const about = { model: of, requestId: id, by: 'test', reason: 'no better' };
      await registry.refuse({ ...about, version: null, runId: null });
    }
  };
  log = new DecisionLog(stream);
  queue = new RequestQueue({ stream, registry, workflow: { run }, logger });
  triggers = new Triggers({ stream, clickhouse, registry, store, log, queue, config, clock, logger, metrics });
  await log.start();
  await queue.start();
  await triggers.start();
}

async function close(): Promise<void> {
  await triggers.close();
  await queue.close();
  await log.close();
}

/** Registers and promotes a version; another `variant` knows another language. */
async function promote(variant: number): Promise<void> {
  const version = await register(variant);
  await registry.promote({ model, version, by: 'ana', reason: 'a test' });
}

function register(variant: number): Promise<number> {
  return store.withTemporary(async (folder) => {
    const bundle = await writeTestBundle(join(folder, 'bundle'), { labels, variant, model });
    await store.addBundle(bundle.directory, bundle.digest);
    const about = { model, requestId: null, by: 'ana', reason: 'a test' };
    return await registry.registerVersion({
      ...about,
      runId: null,
      digest: bundle.digest,
      labels,
      metrics: {},
      lineage: null,
    });
  });
}

/** Version 2 becomes the canary; it and the champion answer 80 labelled texts, every other one or all of them right. */
async function tryCanary(right: { champion: 'half' | 'all'; canary: 'half' | 'all' }): Promise<void> {
  const version = await register(3);
  await registry.challenge({ model, version, role: 'canary', share: 0.1, by: 'ana', reason: 'a test' });
  await labelled(1, 80);
  const answers = Array.from({ length: 80 }, (_, i) => {
    const of = (which: 'half' | 'all') => (i % 2 === 0 || which === 'half' ? 'north' : 'south');
    const byCanary = i % 3 === 0;
    const said = { ...example('predictions/1/ordinary'), model, epoch: 1, textId: `1-${i}`, inputOffset: i };
    return [
      { ...said, version: 1, role: byCanary ? 'shadow' : 'champion', label: of(right.champion), inferredAt: 9e12 },
      { ...said, version: 2, role: byCanary ? 'canary' : 'shadow', label: of(right.canary), inferredAt: 9e12 },
    ];
  });
  await insert('predictions', answers.flat());
}

async function report(...reports: (DriftReport | PerformanceReport)[]): Promise<void> {
  const producer = memory.stream.producer();
  for (const value of reports) {
    if ('verdict' in value) await producer.send('drift-reports', [{ key: model, value }]);
    else await producer.send('performance-reports', [{ key: model, value }]);
  }
  await decided();
}

/** Every report has been decided, and what was decided has arrived here. */
async function decided(): Promise<void> {
  for (;;) {
    await triggers.caughtUp();
    const [end] = await memory.stream.admin.endOffsets('trigger-decisions');
    if (triggers.idle && BigInt(decisions.length) === end?.high) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function insert<T extends TableName>(table: T, records: readonly TableRecords[T][]): Promise<void> {
  await clickhouse.insert(
    table,
    records.map((record, offset) => toRow(table, record, { partition: 0, offset })),
  );
}

/** Texts of the `n`th hour, labelled half an hour later; answered by `answer` where given. */
async function labelled(n: number, count: number, answer?: { label: string; epoch: number }): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => ({
    id: `${n}-${i}`,
    label: i % 2 === 0 ? 'north' : 'south',
    i,
  }));
  const occurredAt = start + n * hour;
  await insert(
    'texts',
    rows.map(({ id, label, i }) => ({ id, model, text: testText(label, i), source: '', occurredAt, attributes: {} })),
  );
  await insert(
    'labels',
    rows.map(({ id, label }) => ({
      textId: id,
      model,
      label,
      labeller: '',
      source: 'human',
      labelledAt: occurredAt + hour / 2,
      confidence: null,
    })),
  );
  if (answer === undefined) return;
  const { epoch } = answer;
  const prediction = { ...example('predictions/1/ordinary'), model, label: answer.label, epoch, occurredAt };
  await insert(
    'predictions',
    rows.map(({ id, i }) => ({ ...prediction, textId: id, inputOffset: i })),
  );
}

const said = () => decisions.map(({ policy, outcome }) => `${policy} ${outcome}`);

describe('triggers', () => {
  it('hold a drift until its texts are labelled, then ask once', async () => {
    await report(drift(0));
    expect(said()).toEqual(['drift held']);
    await labelled(0, 10);
    await report(rolling(1, 0.9));
    expect(said()).toEqual(['drift held', 'drift fired', 'accuracy not-met', 'new-labels not-met']);
    expect(decisions[1]).toMatchObject({ occurredAt: start + 2 * hour, requestId: decisions[1]?.id });
    expect(queue.pending(model)).toBe(true);
  });

  it('count labels that monitoring is about to store', async () => {
    const { stream } = memory;
    const value: Label = { ...example('labels/1/contradicting'), model };
    await stream.producer().send('labels', [{ key: value.textId, value }]);
    const asked = vi.spyOn(stream.admin, 'groupLag');
    const monitoring = await stream.consume({
      groupId: 'monitoring',
      topics: ['labels'],
      handleBatch: async () => {
        await vi.waitFor(() => expect(asked).toHaveBeenCalled(), { timeout: 20_000 });
        await labelled(0, 10);
      },
    });
    await report(drift(0));
    expect(said()).toEqual(['drift fired']);
    await monitoring.close();
  });

  it('are held while a request is pending, and in the cool-down after it', async () => {
    config.retraining.coolDown = '3h';
    await report(rolling(0, 0.5));
    expect(said()).toEqual(['accuracy fired', 'new-labels not-met']);
    await report(rolling(1, 0.5));
    expect(decisions[2]).toMatchObject({ outcome: 'held', reason: expect.stringContaining('already under way') });
    finish();
    while (queue.pending(model)) await new Promise((resolve) => setImmediate(resolve));
    await report(rolling(2, 0.5));
    expect(decisions[4]).toMatchObject({ outcome: 'held', reason: expect.stringContaining('another 60 min') });
    await report(rolling(3, 0.5));
    expect(decisions[6]).toMatchObject({ policy: 'accuracy', outcome: 'fired' });
  });

  it('decide the reports of both topics in the order of event time', async () => {
    await close();
    const producer = memory.stream.producer();
    for (const value of [rolling(2, 0.9), rolling(0, 0.9)])
      await producer.send('performance-reports', [{ key: model, value }]);
    for (const n of [2, 1]) {
      const value = drift(n, { verdict: 'stable' });
      await producer.send('drift-reports', [{ key: model, value }]);
    }
    await open();
    await decided();
    const hours = decisions.map(({ policy, occurredAt }) => `${policy} ${(occurredAt - start) / hour}`);
    expect(hours).toEqual(['accuracy 1', 'new-labels 1', 'drift 2', 'drift 3', 'accuracy 3', 'new-labels 3']);
  });

  it('decide every report once, also after a restart', async () => {
    await report(drift(0, { verdict: 'stable' }), rolling(0, 0.9));
    const before = said();
    await close();
    await open();
    await report(drift(0, { verdict: 'stable' }), rolling(0, 0.9));
    expect(said()).toEqual(before);
  });

  it('know their own request again when they ended before its decision was written', async () => {
    const value = rolling(0, 0.5);
    const id = `${model}:accuracy:${value.id}:${value.revision}`;
    const asked = { ...example('retraining-requests/1/drift'), id, model };
    await memory.stream.producer().send('retraining-requests', [{ key: model, value: asked }]);
    await report(value);
    expect(decisions[0]).toMatchObject({ policy: 'accuracy', outcome: 'fired', requestId: id });
    expect(log.lastFired(model)).toBe(value.windowEnd);
  });

  it('do not take a decision that is read twice for the newest', async () => {
    const decision = { ...example('trigger-decisions/1/fired'), model, policy: 'drift', requestId: null };
    const held = { ...decision, id: 'first', outcome: 'held' };
    const producer = memory.stream.producer();
    for (const value of [held, { ...decision, id: 'second', outcome: 'not-met' }, held])
      await producer.send('trigger-decisions', [{ key: model, value }]);
    await close();
    await open();
    expect(log.heldDrift(model)).toBeUndefined();
  });

  it('do not hold against the serving version what another answered', async () => {
    await labelled(0, 10);
    await report(drift(0, { epoch: 7 }), rolling(0, 0.1, { epoch: 7 }));
    expect(said()).toEqual(['drift not-met', 'accuracy not-met', 'new-labels not-met']);
  });

  it('roll a version back that is clearly worse than the one before on the same labels', async () => {
    await promote(3);
    await labelled(1, 80, { label: 'north', epoch: 2 });
    await report(rolling(1, 0.5, { epoch: 2, version: 2 }));
    expect(decisions[0]).toMatchObject({
      policy: 'rollback',
      outcome: 'fired',
      requestId: null,
      reason: 'on 80 labels since its promotion news@2 alone was right 0 times, news@1 alone 40 times: clearly worse',
    });
    expect(registry.model(model)).toMatchObject({ serving: { version: 1, epoch: 3 } });
    await report(rolling(2, 0.5, { epoch: 2, version: 2 }));
    expect(said().filter((what) => what.startsWith('rollback'))).toEqual(['rollback fired']);
  });

  it.each([
    ['decision is written', () => vi.spyOn(log, 'write')],
    ['version is changed', () => vi.spyOn(registry, 'rollback')],
  ])('roll back and say so once, also when they end before the %s', async (_, step) => {
    await promote(3);
    await labelled(1, 80, { label: 'north', epoch: 2 });
    step().mockRejectedValueOnce(new Error('Kafka is away'));
    const producer = memory.stream.producer();
    await producer.send('performance-reports', [{ key: model, value: rolling(1, 0.5, { epoch: 2, version: 2 }) }]);
    await vi.waitUntil(() => triggers.failure !== undefined, { timeout: 20_000 });
    await close();
    await open();
    await decided();
    expect(registry.model(model)).toMatchObject({ serving: { version: 1, epoch: 3 } });
    expect(said().filter((what) => what.startsWith('rollback'))).toEqual(['rollback fired']);
  });

  it('tell inference of a rollback when its first telling failed', async () => {
    await promote(3);
    await labelled(1, 80, { label: 'north', epoch: 2 });
    await close();
    await registry.close();
    const producer = memory.stream.producer();
    let away = true;
    const send: typeof producer.send = async (topic, records) => {
      if (topic !== 'model-versions' || !away) return await producer.send(topic, records);
      away = false;
      throw new Error('Kafka is away');
    };
    const stream = { ...memory.stream, producer: () => ({ ...producer, send }) };
    registry = await Registry.open({ ...memory, stream, newId });
    await open();
    await report(rolling(1, 0.5, { epoch: 2, version: 2 }));
    const told: number[] = [];
    await memory.stream.readToEnd('model-versions', ({ value }) => void (value !== null && told.push(value.version)));
    expect(told).toEqual([1, 2, 1]);
  });

  it('leave alone what people have promoted since a rollback was decided', async () => {
    await promote(3);
    await labelled(1, 80, { label: 'north', epoch: 2 });
    await report(rolling(1, 0.5, { epoch: 2, version: 2 }));
    await registry.promote({ model, version: 2, by: 'ana', reason: 'looked at by hand' });
    await close();
    await open();
    await report(rolling(2, 0.5, { epoch: 2, version: 2 }));
    expect(registry.model(model)).toMatchObject({ serving: { version: 2, epoch: 4 } });
  });

  it('leave a version serving that is as good as the one before', async () => {
    await promote(3);
    await labelled(1, 80, { label: 'north', epoch: 2 });
    await insert(
      'predictions',
      Array.from({ length: 40 }, (_, i) => ({
        ...example('predictions/1/ordinary'),
        model,
        textId: `1-${2 * i + 1}`,
        label: 'south',
        epoch: 2,
        inputOffset: 100 + i,
      })),
    );
    await report(rolling(1, 0.9, { epoch: 2, version: 2 }));
    expect(decisions[0]).toMatchObject({ policy: 'rollback', outcome: 'not-met' });
    expect(registry.model(model)?.serving?.version).toBe(2);
  });

  it('promote a canary that is clearly better on the labels of texts that both answered', async () => {
    await tryCanary({ champion: 'half', canary: 'all' });
    await report(rolling(1, 0.5));
    expect(decisions[0]).toMatchObject({
      policy: 'canary',
      outcome: 'fired',
      requestId: null,
      reason:
        'of 80 labels of texts that both answered, news@2 alone was right 27 times and news@1 alone 0 times where news@1 was shown, 13 and 0 times where news@2 was: clearly better',
    });
    expect(registry.model(model)).toMatchObject({ serving: { version: 2, epoch: 2 }, challengers: [] });
    expect(registry.model(model)?.history.at(-1)).toMatchObject({ by: 'policy canary' });
  });

  it('withdraw a canary that is clearly worse, and leave the champion alone', async () => {
    await tryCanary({ champion: 'all', canary: 'half' });
    await report(rolling(1, 0.9));
    expect(decisions[0]).toMatchObject({ policy: 'canary', outcome: 'fired' });
    expect(JSON.parse(decisions[0]?.evidence ?? '')).toMatchObject({
      verdict: 'worse',
      shownByChampion: { onlyChampionRight: 27, onlyChallengerRight: 0 },
      shownByChallenger: { onlyChampionRight: 13, onlyChallengerRight: 0 },
    });
    expect(registry.model(model)).toMatchObject({ serving: { version: 1, epoch: 1 }, challengers: [] });
    expect(registry.version(model, 2)?.stage).toBe('staging');
  });

  it('go on trying a canary that is as good, until it had the most labels it is given', async () => {
    await tryCanary({ champion: 'all', canary: 'all' });
    await report(rolling(1, 0.9));
    expect(decisions[0]).toMatchObject({ policy: 'canary', outcome: 'not-met' });
    expect(registry.model(model)?.challengers).toHaveLength(1);
    config.retraining.canary.maximumLabels = 80;
    await report(rolling(2, 0.9));
    expect(registry.model(model)).toMatchObject({ serving: { version: 1 }, challengers: [] });
  });

  it('withdraw a canary that answers nothing any more, but none that does, or has only just been set', async () => {
    await tryCanary({ champion: 'all', canary: 'all' });
    const champion = { ...example('predictions/1/ordinary'), model, epoch: 1, version: 1, role: 'champion' };
    const more = Array.from({ length: 100 }, (_, i) => ({
      ...champion,
      textId: `2-${i}`,
      inputOffset: 1000 + i,
      inferredAt: 9e12,
    }));
    await insert('predictions', more);
    const later = { createdAt: memory.clock.now() + 600_000 };
    await report(rolling(1, 0.9, later));
    expect(decisions[0]).toMatchObject({ policy: 'canary', outcome: 'not-met' });
    await clickhouse.command(`ALTER TABLE predictions DELETE WHERE version = 2 SETTINGS mutations_sync = 1`);
    await report(rolling(2, 0.9, { createdAt: memory.clock.now() }));
    expect(registry.model(model)?.challengers).toHaveLength(1);
    await report(rolling(3, 0.9, later));
    expect(decisions.findLast(({ policy }) => policy === 'canary')).toMatchObject({
      outcome: 'fired',
      reason: 'news@2 has answered none of the 180 texts of the last 10m: it does not run anywhere',
    });
    expect(registry.model(model)).toMatchObject({ serving: { version: 1, epoch: 1 }, challengers: [] });
  });

  it('say of a trial that has nothing but corrections of what was shown that it cannot end', async () => {
    await tryCanary({ champion: 'half', canary: 'all' });
    await clickhouse.command(`ALTER TABLE predictions DELETE WHERE role = 'canary' SETTINGS mutations_sync = 1`);
    await report(rolling(1, 0.5));
    expect(decisions[0]).toMatchObject({
      outcome: 'not-met',
      reason: expect.stringMatching(/only wrong answers have been labelled, which says nothing of either version$/),
    });
  });

  it('decide nothing about a canary on reports from before it was set, also after a restart', async () => {
    const before = { createdAt: memory.clock.now() - 1000 };
    await report(rolling(0, 0.9, before), rolling(1, 0.9, before));
    await tryCanary({ champion: 'all', canary: 'all' });
    await close();
    await open();
    await report(rolling(2, 0.9));
    expect(said().filter((what) => what.startsWith('canary'))).toEqual(['canary not-met']);
  });

  it.each([
    ['canary', () => tryCanary({ champion: 'half', canary: 'all' }), {}],
    ['rollback', () => promote(3).then(() => labelled(1, 80, { label: 'north', epoch: 2 })), { epoch: 2, version: 2 }],
  ] as const)('let a promotion stand that is under way when a %s is decided', async (policy, prepare, about) => {
    await prepare();
    const version = await register(1);
    const write = log.write.bind(log);
    vi.spyOn(log, 'write').mockImplementationOnce(async (decision) => {
      await write(decision);
      void registry.promote({ model, version, by: 'ana', reason: 'looked at by hand' });
    });
    await report(rolling(1, 0.5, about));
    expect(said()[0]).toBe(`${policy} fired`);
    expect(registry.model(model)?.serving?.version).toBe(version);
  });

  it('leave alone a canary that people have set again since its end was decided', async () => {
    await tryCanary({ champion: 'all', canary: 'half' });
    await report(rolling(1, 0.9));
    await registry.challenge({ model, version: 2, role: 'canary', share: 0.2, by: 'ana', reason: 'once more' });
    config.retraining.canary.enabled = false;
    await report(rolling(2, 0.9));
    expect(registry.model(model)?.challengers).toMatchObject([{ version: 2, share: 0.2 }]);
  });

  it.each([
    ['decision is written', () => vi.spyOn(log, 'write')],
    ['version is changed', () => vi.spyOn(registry, 'promote')],
  ])('end a trial once, also when they end before the %s', async (_, step) => {
    await tryCanary({ champion: 'half', canary: 'all' });
    step().mockRejectedValueOnce(new Error('Kafka is away'));
    await memory.stream.producer().send('performance-reports', [{ key: model, value: rolling(1, 0.5) }]);
    await vi.waitUntil(() => triggers.failure !== undefined, { timeout: 20_000 });
    await close();
    await open();
    await decided();
    expect(registry.model(model)?.history.map(({ version }) => version)).toEqual([1, 2]);
    expect(said().filter((what) => what.startsWith('canary'))).toEqual(['canary fired']);
  });
});
