import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClickHouse, toRow } from '#libs/clickhouse';
import type { RetrainingRequest } from '#libs/events';
import { readBundle } from '#libs/model';
import { type Configuration, loadConfig, newId } from '#libs/platform';
import { ArtifactStore, Registry } from '#libs/registry';
import { streamError } from '#libs/stream';
import { openTemporaryClickHouse } from '../../../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { madeUpTexts } from '../testing/made-up-texts.ts';
import { Progress } from './progress.ts';
import { RequestQueue } from './request-queue.ts';
import { RetrainingWorkflow } from './retraining.workflow.ts';

const model = 'words';
const day = 86_400_000;
const start = Date.UTC(2026, 0, 5);

let memory: MemoryStream;
let clickhouse: ClickHouse;
let directory: string;
let store: ArtifactStore;
let registry: Registry;
let config: Configuration;

beforeEach(async () => {
  memory = await openMemoryStream();
  clickhouse = await openTemporaryClickHouse();
  directory = await mkdtemp(join(tmpdir(), 'tidemill-retraining-'));
  store = new ArtifactStore(directory);
  registry = await openRegistry();
  ({ config } = loadConfig({ env: {} }));
});

afterEach(async () => {
  await registry.close();
  await memory.stream.close();
  await clickhouse.close();
  await rm(directory, { recursive: true, force: true });
});

function openRegistry(): Promise<Registry> {
  const { stream, clock, logger } = memory;
  return Registry.open({ stream, clock, logger, newId });
}

function workflow(as: Registry = registry, progress = new Progress()): RetrainingWorkflow {
  const { stream, logger, metrics } = memory;
  const shared = { stream, clickhouse, store, config, logger, metrics };
  return new RetrainingWorkflow({ ...shared, registry: as, progress });
}

async function addDataset(rows: readonly { text: string; label: string }[]): Promise<void> {
  const digest = await store.putBlob(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await registry.addDataset({ model, digest, texts: rows.length, labels: [], by: 'ana' });
}

/** Texts with labels, as monitoring stores them. */
async function addLabelled(rows: readonly { text: string; label: string }[], labelledAt: number): Promise<void> {
  const name = (i: number) => `${labelledAt}-${i}`;
  const texts = rows.map(({ text }, i) =>
    toRow(
      'texts',
      { id: name(i), model, text, source: 'test', occurredAt: labelledAt, attributes: {} },
      { partition: 0, offset: labelledAt + i },
    ),
  );
  const labels = rows.map(({ label }, i) =>
    toRow(
      'labels',
      { textId: name(i), model, label, labeller: '', source: 'human', labelledAt, confidence: null },
      { partition: 0, offset: labelledAt + i },
    ),
  );
  await clickhouse.insert('texts', texts);
  await clickhouse.insert('labels', labels);
}

function request(id: string, fields: Partial<RetrainingRequest> = {}): RetrainingRequest {
  return {
    id,
    model,
    policy: 'manual',
    reason: 'asked for',
    evidence: '',
    requestedBy: 'ana',
    requestedAt: 1,
    labelCutOff: 0,
    dataset: null,
    encoder: null,
    ...fields,
  };
}

const never = new AbortController().signal;
const twoLanguages = [...madeUpTexts('north', 300), ...madeUpTexts('south', 300)];

describe('a request', () => {
  it('makes the first version of a data set, which is promoted', async () => {
    await addDataset(twoLanguages);
    await workflow().run(request('r1'), never);
    const made = registry.model(model);
    expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'promoted', version: 1 });
    expect(made).toMatchObject({ labels: ['north', 'south'], serving: { version: 1, epoch: 1 } });
    expect(registry.runs(model)).toMatchObject([{ status: 'finished', version: 1, metrics: { accuracy: 1 } }]);
    const version = registry.version(model, 1);
    expect(version?.lineage).toMatchObject({
      snapshot: { labelCutOff: 0 },
      gates: [{ passed: true }, { passed: true }, { passed: true }],
    });
    const bundle = await readBundle(store.bundleDirectory(version?.digest ?? '') ?? '', version?.digest);
    expect(Object.keys(bundle.files).toSorted()).toEqual([
      'README.md',
      'confusion-matrix.svg',
      'lineage.json',
      'manifest.json',
      'metrics.json',
      'model.onnx',
    ]);
  });

  it('gives the same bytes for the same data and seed, and others for another seed', async () => {
    await addDataset(twoLanguages);
    await workflow().run(request('r1'), never);
    const other = new ArtifactStore(join(directory, 'other'));
    const again = await openMemoryStream();
    const { stream, clock, logger, metrics } = again;
    const second = await Registry.open({ stream, clock, logger, newId });
    const digest = await other.putBlob(await store.readBlob(registry.model(model)?.datasets[0]?.digest ?? ''));
    await second.addDataset({ model, digest, texts: 600, labels: [], by: 'ben' });
    const run = (id: string, seed: number) =>
      new RetrainingWorkflow({
        stream,
        clickhouse,
        registry: second,
        store: other,
        logger,
        metrics,
        config: { ...config, retraining: { ...config.retraining, seed } },
        progress: new Progress(),
      }).run(request(id, { requestedBy: 'ben', requestedAt: 99 }), never);
    await run('x', config.retraining.seed);
    expect(second.version(model, 1)?.digest).toBe(registry.version(model, 1)?.digest);
    await run('y', 7);
    expect(second.version(model, 2)?.digest).not.toBe(registry.version(model, 1)?.digest);
    await second.close();
    await stream.close();
  });

  it('is refused with the gate named when nothing can be learned', async () => {
    const noise = madeUpTexts('north', 400).map(({ text }, i) => ({ text, label: (i * 7919) % 5 < 2 ? 'a' : 'b' }));
    await addDataset(noise);
    await workflow().run(request('r1'), never);
    expect(registry.model(model)?.serving).toBeNull();
    expect(registry.ended(model, 'r1')).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/minimum-accuracy: accuracy [\d.]+ %, at least 80\.0 % is asked for/),
    });
    expect(registry.version(model, 1)?.stage).toBe('archived');
  });

  it('is refused when the new version is not better than the champion', async () => {
    await addDataset(twoLanguages);
    await workflow().run(request('r1'), never);
    await workflow().run(request('r2'), never);
    expect(registry.ended(model, 'r2')).toMatchObject({ kind: 'refused', reason: expect.stringContaining('macro-f1') });
    expect(registry.model(model)?.serving?.version).toBe(1);
  });

  it('ends in a canary where one is asked for and a version serves; the next one takes its place', async () => {
    config.retraining.canary.share = 0.2;
    await addDataset(twoLanguages);
    await workflow().run(request('r1'), never);
    expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'promoted', version: 1 });
    await addLabelled(madeUpTexts('east', 200), start);
    await workflow().run(request('r2', { labelCutOff: start + 1 }), never);
    expect(registry.ended(model, 'r2')).toMatchObject({ kind: 'challenger-set', version: 2 });
    const canary = { role: 'canary', share: 0.2, by: 'ana' };
    const why = expect.stringMatching(/^asked for; macro-F1/);
    expect(registry.model(model)).toMatchObject({
      serving: { version: 1, epoch: 1 },
      challengers: [{ ...canary, version: 2, reason: why }],
    });
    await addLabelled(madeUpTexts('west', 200), start + day);
    await workflow().run(request('r3', { labelCutOff: start + 2 * day }), never);
    expect(registry.model(model)).toMatchObject({ serving: { version: 1 }, challengers: [{ ...canary, version: 3 }] });
    expect(registry.version(model, 2)?.stage).toBe('staging');
    await registry.promote({ model, version: 3, by: 'policy canary', reason: 'clearly better' });
    expect(registry.model(model)).toMatchObject({ serving: { version: 3, epoch: 2 }, challengers: [] });
  });

  it('ends as failed when there is nothing to learn from', async () => {
    await addDataset(twoLanguages.slice(0, 300));
    await workflow().run(request('r1'), never);
    expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'run-failed', version: null });
    await workflow().run(request('r2', { model: 'nobody' }), never);
    expect(registry.ended('nobody', 'r2')).toMatchObject({ kind: 'run-failed' });
  });

  it('learns a class that appears in the labels, and leaves out labels given after the cut-off', async () => {
    await addDataset(twoLanguages);
    await workflow().run(request('r1'), never);
    await addLabelled(madeUpTexts('east', 200), start);
    await addLabelled(
      madeUpTexts('north', 100, 2000).map(({ text }) => ({ text, label: 'later' })),
      start + day,
    );
    await workflow().run(request('r2', { policy: 'drift', labelCutOff: start + 1 }), never);
    const second = registry.version(model, 2);
    expect(second).toMatchObject({
      stage: 'production',
      labels: ['east', 'north', 'south'],
      lineage: { snapshot: { labelCutOff: start + 1, labels: [{ partition: 0, labels: 200, first: start }] } },
    });
    expect(second?.metrics['championRecentAccuracy']).toBe(0);
    expect(second?.metrics['recentAccuracy']).toBe(1);
    expect(second?.metrics['accuracy']).toBeGreaterThan(second?.metrics['championAccuracy'] ?? 1);
    const bundle = await readBundle(store.bundleDirectory(second?.digest ?? '') ?? '');
    expect(await readFile(join(bundle.directory, 'README.md'), 'utf8')).toContain('words@1');
  });
});

describe('what people decide about a version while its request is worked on', () => {
  it.each([
    ['registered', 'version-registered'],
    ['staged', 'stage-changed'],
  ])('counts: promoted when it has just been %s', async (_, kind) => {
    await addDataset(twoLanguages);
    const byHand = registry.onEvent((event) => {
      if (event.kind !== kind) return;
      byHand();
      void registry.promote({ model, version: 1, by: 'ana', reason: 'in a hurry', requestId: 'by hand' });
    });
    await workflow().run(request('r1'), never);
    expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'promoted', version: 1, epoch: 1 });
    expect(registry.model(model)?.history).toMatchObject([{ version: 1, by: 'ana' }]);
    expect(registry.runs(model)).toMatchObject([{ status: 'finished' }]);
  });

  it('counts: archived', async () => {
    await addDataset(twoLanguages);
    registry.onEvent(({ stage }) => {
      if (stage !== 'staging') return;
      void registry.changeStage({ model, version: 1, stage: 'archived', by: 'ana', reason: 'not this one' });
    });
    await workflow().run(request('r1'), never);
    expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'refused', version: 1, reason: 'not this one' });
    expect(registry.model(model)).toMatchObject({ serving: null, versions: [{ stage: 'archived' }] });
  });
});

describe('a crash', () => {
  /** A registry in a process that is killed when it comes to a step. */
  function killedAt(step: 'registerVersion' | 'changeStage' | 'promote', killed: AbortController): Registry {
    return new Proxy(registry, {
      get(target, name) {
        if (name === step) {
          killed.abort();
          return () => Promise.reject(new Error('killed'));
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  it.each(['registerVersion', 'changeStage', 'promote'] as const)(
    'before %s ends in one version and one promotion',
    async (step) => {
      await addDataset(twoLanguages);
      const killed = new AbortController();
      const running = workflow(killedAt(step, killed)).run(request('r1'), killed.signal);
      await expect(running).rejects.toThrow('killed');
      // Labels that came meanwhile: a version that has been registered is not made again from other data.
      await addLabelled(madeUpTexts('east', 200), start);
      await registry.close();
      registry = await openRegistry();
      expect(registry.ended(model, 'r1')).toBeUndefined();
      await workflow().run(request('r1'), never);
      await workflow().run(request('r1'), never);
      expect(registry.model(model)?.versions).toHaveLength(1);
      expect(registry.model(model)?.history).toMatchObject([{ version: 1, epoch: 1, action: 'promote' }]);
    },
  );
});

it('tells inference what it has promoted when the first telling failed', async () => {
  await addDataset(twoLanguages);
  const producer = memory.stream.producer();
  let away = true;
  const send: typeof producer.send = async (topic, records) => {
    if (topic !== 'model-versions' || !away) return await producer.send(topic, records);
    away = false;
    throw streamError('SEND_TIMED_OUT');
  };
  await registry.close();
  registry = await Registry.open({
    ...memory,
    stream: { ...memory.stream, producer: () => ({ ...producer, send }) },
    newId,
  });
  await expect(workflow().run(request('r1'), never)).rejects.toMatchObject({ retriable: true });
  await workflow().run(request('r1'), never);
  const told: number[] = [];
  await memory.stream.readToEnd('model-versions', ({ value }) => void (value !== null && told.push(value.version)));
  expect(told).toEqual([1]);
});

it('ends, and says what to do, when its encoder cannot be fetched', async () => {
  vi.stubEnv('XDG_CACHE_HOME', directory);
  await addDataset(twoLanguages);
  config = { ...config, java: { ...config.java, mavenRepository: join(directory, 'nothing') } };
  await workflow().run(request('r1', { encoder: 'minilm' }), never);
  expect(registry.ended(model, 'r1')).toMatchObject({
    kind: 'run-failed',
    reason: expect.stringMatching(/^the encoder is not here.* ask for the training again.*java\.mavenRepository/),
  });
  vi.unstubAllEnvs();
});

it('keeps to the encoder of the newest version where none serves', async () => {
  vi.stubEnv('XDG_CACHE_HOME', directory);
  await addDataset(twoLanguages);
  config = { ...config, java: { ...config.java, mavenRepository: join(directory, 'nothing') } };
  const about = { model, runId: null, requestId: null, labels: ['north', 'south'], metrics: {}, by: 'ana', reason: '' };
  await registry.registerVersion({ ...about, digest: '1'.repeat(64), lineage: { encoder: null } });
  await registry.registerVersion({ ...about, digest: '2'.repeat(64), lineage: { encoder: { name: 'minilm' } } });
  await workflow().run(request('r1'), never);
  const reason = expect.stringContaining('the encoder is not here');
  expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'run-failed', reason });
  vi.unstubAllEnvs();
});

it('ends when a model host ends over it a second time, so that others get on', async () => {
  const { execPath } = process;
  /** What is started to evaluate ends at once. */
  class HostsThatEnd extends Progress {
    override enter(...[phase, detail]: Parameters<Progress['enter']>): void {
      process.execPath = phase === 'evaluate' ? '/usr/bin/false' : execPath;
      super.enter(phase, detail);
    }
  }
  await addDataset(twoLanguages);
  const failing = workflow(registry, new HostsThatEnd());
  try {
    await expect(failing.run(request('r1'), never)).rejects.toMatchObject({ code: 'MODEL_HOST_EXITED' });
    expect(registry.ended(model, 'r1')).toBeUndefined();
    await failing.run(request('r1'), never);
  } finally {
    process.execPath = execPath;
  }
  const reason = expect.stringContaining('the model host process ended');
  expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'run-failed', reason });
});

describe('the queue', () => {
  it('runs requests in order, and those that were not ended again after a stop', async () => {
    await addDataset(twoLanguages);
    const { stream, logger } = memory;
    const producer = stream.producer();
    const first = new RequestQueue({ stream, registry, workflow: workflow(), logger });
    await producer.send('retraining-requests', [{ key: model, value: request('r1') }]);
    const started = Promise.withResolvers<void>();
    registry.onEvent(({ kind }) => kind === 'run-started' && started.resolve());
    await first.start();
    await started.promise;
    expect(first.pending(model)).toBe(true);
    await first.close();
    expect(registry.ended(model, 'r1')).toBeUndefined();

    const second = new RequestQueue({ stream, registry, workflow: workflow(), logger });
    const ended = Promise.withResolvers<void>();
    registry.onEvent(({ requestId, kind }) => requestId === 'r2' && kind === 'refused' && ended.resolve());
    await second.start();
    await producer.send('retraining-requests', [
      { key: model, value: request('r2') },
      { key: model, value: request('r2') },
    ]);
    await ended.promise;
    await second.close();
    expect(registry.ended(model, 'r1')).toMatchObject({ kind: 'promoted', version: 1 });
    expect(registry.runs(model)).toHaveLength(2);
    await producer.close();
  });
});
