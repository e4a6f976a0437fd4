import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelVersion, RegistryEvent, TopicName } from '#libs/events';
import { newId, silentLogger } from '#libs/platform';
import { streamError } from '#libs/stream';
import { type MemoryStream, openMemoryStream } from '../../stream/src/testing/memory-stream.ts';
import { Registry } from './registry.ts';
import { registryEvent } from './testing/registry-event.ts';

let memory: MemoryStream;
let registry: Registry;
let time = 0;
const open = (stream = memory.stream) =>
  Registry.open({ stream, clock: { now: () => ++time }, logger: silentLogger, newId });

beforeEach(async () => {
  memory = await openMemoryStream();
  registry = await open();
});
afterEach(async () => {
  await registry.close();
  await memory.stream.close();
});

const who = { by: 'ana', reason: 'because' };
const register = (runId: string | null = null, to = registry) =>
  to.registerVersion({
    model: 'news',
    runId,
    requestId: null,
    digest: `digest of ${runId ?? 'none'}`,
    labels: ['b', 'a'],
    metrics: { accuracy: 0.9, undefinedOne: Number.NaN },
    lineage: { seed: 7 },
    ...who,
  });

async function announced(): Promise<ModelVersion[]> {
  const records: ModelVersion[] = [];
  await memory.stream.readToEnd('model-versions', ({ value }) => {
    if (value !== null) records.push(value);
  });
  return records;
}

async function log(): Promise<RegistryEvent[]> {
  const events: RegistryEvent[] = [];
  await memory.stream.readToEnd('registry-events', ({ value }) => {
    if (value !== null) events.push(value);
  });
  return events;
}

describe('one writer', () => {
  it('leads a run to a promoted version and tells inference', async () => {
    const seen: string[] = [];
    registry.onEvent(({ kind }) => seen.push(kind));
    const runId = await registry.startRun({ model: 'news', requestId: 'q', parameters: { seed: '7' }, ...who });
    await registry.finishRun(runId, { metrics: { accuracy: 0.9 }, artifacts: { 'confusion-matrix.svg': 'd' } });
    const version = await register(runId);
    await registry.changeStage({ model: 'news', version, stage: 'staging', ...who });
    expect(await registry.promote({ model: 'news', version, requestId: 'q', ...who })).toEqual({ epoch: 1 });
    expect(seen).toEqual(['run-started', 'run-finished', 'version-registered', 'stage-changed', 'promoted']);
    expect(registry.model('news')).toMatchObject({
      labels: ['b', 'a'],
      serving: { version: 1, epoch: 1 },
      previous: null,
    });
    expect(registry.version('news', 1)).toMatchObject({ metrics: { accuracy: 0.9 }, lineage: { seed: 7 } });
    expect(registry.run(runId)).toMatchObject({ status: 'finished', version: 1 });
    expect(registry.ended('news', 'q')).toMatchObject({ kind: 'promoted', version: 1, epoch: 1 });
    expect(await announced()).toMatchObject([
      { version: 1, epoch: 1, action: 'promote', promotedBy: 'ana', bundleDigest: `digest of ${runId}` },
    ]);
  });

  it('does nothing twice for the same request, run or digest', async () => {
    const runs = await Promise.all([0, 1].map(() => registry.startRun({ model: 'news', requestId: 'q', ...who })));
    expect(new Set(runs)).toEqual(new Set([runs[0]]));
    const [runId = ''] = runs;
    expect(await Promise.all([register(runId), register(runId)])).toEqual([1, 1]);
    expect(await Promise.all([register(), register()])).toEqual([2, 2]);
    const promotion = { model: 'news', version: 1, requestId: 'q', ...who };
    expect(await Promise.all([registry.promote(promotion), registry.promote(promotion)])).toEqual([
      { epoch: 1 },
      { epoch: 1 },
    ]);
    const dataset = { model: 'news', digest: 'd', texts: 2, labels: ['a'], by: 'ana' };
    await Promise.all([registry.addDataset(dataset), registry.addDataset(dataset)]);
    expect((await log()).map(({ kind }) => kind)).toEqual([
      'run-started',
      'version-registered',
      'version-registered',
      'stage-changed',
      'promoted',
      'dataset-added',
    ]);
    expect(await announced()).toHaveLength(1);
  });

  it('rolls back with a higher epoch, and again only further back', async () => {
    for (const run of ['r1', 'r2']) {
      await register(run);
      await registry.promote({ model: 'news', version: run === 'r1' ? 1 : 2, ...who });
    }
    expect(await registry.rollback({ model: 'news', ...who })).toEqual({ version: 1, epoch: 3 });
    expect((await announced()).at(-1)).toMatchObject({ version: 1, epoch: 3, action: 'rollback' });
    await expect(registry.rollback({ model: 'news', ...who })).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      message: expect.stringMatching(/news@1 was the first to serve/),
    });
    expect(await registry.rollback({ model: 'news', to: 2, ...who })).toEqual({ version: 2, epoch: 4 });
  });

  it('changes nothing of what serves if that is not what was expected', async () => {
    await register('r1');
    await register('r2');
    await registry.promote({ model: 'news', version: 1, ...who });
    await registry.promote({ model: 'news', version: 2, ifEpoch: 1, ...who });
    const conflict = { code: 'REGISTRY_CONFLICT', retriable: true };
    await expect(registry.promote({ model: 'news', version: 1, ifEpoch: 1, ...who })).rejects.toMatchObject(conflict);
    await expect(registry.rollback({ model: 'news', ifEpoch: 1, ...who })).rejects.toMatchObject(conflict);
    expect(registry.model('news')?.serving).toMatchObject({ version: 2, epoch: 2 });
    expect(await registry.rollback({ model: 'news', ifEpoch: 2, ...who })).toEqual({ version: 1, epoch: 3 });
  });

  it('says what is unknown and what is not allowed, and goes on', async () => {
    await expect(registry.promote({ model: 'news', version: 1, ...who })).rejects.toMatchObject({
      code: 'UNKNOWN_MODEL',
      message: expect.stringMatching(/known: none yet/),
    });
    await register();
    await expect(registry.promote({ model: 'news', version: 2, ...who })).rejects.toThrow(/no such version: news@2/);
    await expect(registry.failRun('nope', 'x')).rejects.toMatchObject({ code: 'UNKNOWN_RUN' });
    await registry.promote({ model: 'news', version: 1, ...who });
    await expect(registry.changeStage({ model: 'news', version: 1, stage: 'archived', ...who })).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
    });
    await expect(registry.promote({ model: 'news', version: 1, ...who })).rejects.toThrow(/serves already/);
    await registry.setAlias({ model: 'news', alias: 'best', version: 1, ...who });
    expect(registry.model('news')?.aliases).toEqual({ best: 1 });
  });

  it('ends refused and failed requests', async () => {
    const refused = await registry.startRun({ model: 'news', requestId: 'q1', ...who });
    await registry.refuse({ model: 'news', version: null, runId: refused, requestId: 'q1', by: 'ana', reason: 'gate' });
    const failed = await registry.startRun({ model: 'news', requestId: 'q2', ...who });
    await registry.failRun(failed, 'crashed');
    await registry.failRun(failed, 'crashed');
    expect(registry.runs().map(({ status, reason }) => [status, reason])).toEqual([
      ['failed', 'crashed'],
      ['refused', 'gate'],
    ]);
    expect(['q1', 'q2', 'q3'].map((id) => registry.ended('news', id)?.kind)).toEqual([
      'refused',
      'run-failed',
      undefined,
    ]);
  });
});

describe('challengers', () => {
  const canary = { model: 'news', version: 2, role: 'canary', share: 0.1, ...who } as const;
  const shadow = { model: 'news', version: 2, role: 'shadow', share: 0, ...who } as const;
  beforeEach(async () => {
    await register('r1');
    await register('r2');
    await registry.promote({ model: 'news', version: 1, ...who });
  });

  it('are told with the champion, whose epoch stays; revisions rise', async () => {
    await registry.challenge(shadow);
    await registry.challenge(canary);
    await registry.challenge(canary);
    await registry.challenge({ ...canary, share: 0.2 });
    await registry.withdraw({ model: 'news', version: 2, ...who });
    const told = await announced();
    expect(told.map(({ version, epoch, action }) => [version, epoch, action])).toEqual([
      [1, 1, 'promote'],
      [1, 1, 'shadow'],
      [1, 1, 'canary'],
      [1, 1, 'canary'],
      [1, 1, 'withdraw'],
    ]);
    expect(told.map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5]);
    const { bundleDigest } = told[3]?.challengers[0] ?? {};
    expect(bundleDigest).toBe('digest of r2');
    expect(told.map(({ challengers }) => challengers.map(({ share }) => share))).toEqual([[], [0], [0.1], [0.2], []]);
    expect(registry.version('news', 2)?.stage).toBe('staging');
  });

  it('are no longer told once they are archived', async () => {
    await registry.challenge(canary);
    await registry.changeStage({ model: 'news', version: 2, stage: 'archived', ...who });
    expect((await announced()).at(-1)).toMatchObject({ revision: 3, action: 'withdraw', challengers: [] });
  });

  it('end their request, and replace the canary before them if they are to', async () => {
    await register('r3');
    await registry.challenge(canary);
    const next = { ...canary, version: 3, requestId: 'q' };
    await expect(registry.challenge(next)).rejects.toThrow(/news@2 is the canary; withdraw it/);
    await registry.challenge({ ...next, replacing: 'a newer one' });
    await registry.challenge({ ...next, replacing: 'a newer one' });
    expect(registry.ended('news', 'q')).toMatchObject({ kind: 'challenger-set', version: 3, epoch: null });
    expect(registry.model('news')?.challengers).toMatchObject([{ version: 3, role: 'canary', reason: 'because' }]);
    expect(registry.version('news', 2)?.stage).toBe('staging');
    expect((await log()).slice(-3)).toMatchObject([
      { kind: 'challenger-withdrawn', version: 2, reason: 'a newer one' },
      { kind: 'stage-changed', version: 3, requestId: 'q' },
      { kind: 'challenger-set', version: 3, requestId: 'q' },
    ]);
    await registry.promote({ model: 'news', version: 3, ...who });
    expect(registry.ended('news', 'q')?.kind).toBe('challenger-set');
  });

  it('become the champion by promotion', async () => {
    await registry.challenge(canary);
    expect(await registry.promote({ model: 'news', version: 2, ...who })).toEqual({ epoch: 2 });
    expect((await announced()).at(-1)).toMatchObject({ version: 2, epoch: 2, revision: 3, challengers: [] });
  });

  it('are refused with a reason', async () => {
    await expect(registry.challenge({ ...canary, share: 0.7 })).rejects.toThrow(/up to 0.5/);
    await expect(registry.challenge({ ...canary, version: 1 })).rejects.toThrow(/news@1 serves/);
    await expect(registry.withdraw({ model: 'news', version: 2, ...who })).rejects.toThrow(/news@2 is not tried/);
    expect(registry.version('news', 2)?.stage).toBe('none');
    await registry.challenge(canary);
    const asShadow = registry.withdraw({ model: 'news', version: 2, role: 'shadow', ...who });
    await expect(asShadow).rejects.toThrow(/news@2 is a canary, not a shadow/);
    await registry.withdraw({ model: 'news', version: 2, role: 'canary', ...who });
  });

  it('are told when the registry opens again, if a crash kept them from inference', async () => {
    const about = { version: 2, bundleDigest: 'digest of r2' };
    const stage = registryEvent({ id: 'stage', kind: 'stage-changed', stage: 'staging', ...about });
    const set = registryEvent({ id: 'set', kind: 'challenger-set', parameters: { role: 'shadow' }, ...about });
    await memory.stream.producer().send('registry-events', [
      { key: 'news', value: stage },
      { key: 'news', value: set },
    ]);
    const again = await open();
    expect((await announced()).at(-1)).toMatchObject({ epoch: 1, revision: 2, challengers: [{ version: 2 }] });
    await again.close();
  });
});

describe('opening', () => {
  it('gives the state that was', async () => {
    for (const [index, run] of ['r1', 'r2', null].entries()) {
      await register(run);
      await registry.promote({ model: 'news', version: index + 1, ...who });
    }
    await registry.rollback({ model: 'news', to: 1, ...who });
    const again = await open();
    expect(again.models()).toEqual(registry.models());
    expect(again.runs()).toEqual(registry.runs());
    expect(await announced()).toHaveLength(4);
    await again.close();
  });

  it('tells inference what a crash kept from it', async () => {
    await register();
    const about = { version: 1, bundleDigest: 'digest' };
    const staged = registryEvent({ id: 'stage', kind: 'stage-changed', stage: 'staging', ...about });
    const promoted = registryEvent({ id: 'promote', kind: 'promoted', stage: 'production', epoch: 1, ...about });
    await memory.stream.producer().send('registry-events', [
      { key: 'news', value: staged },
      { key: 'news', value: promoted },
    ]);
    expect(await announced()).toEqual([]);
    const again = await open();
    expect(await announced()).toMatchObject([{ model: 'news', version: 1, epoch: 1 }]);
    await again.close();
  });

  it('never reuses an epoch that inference has seen, though the log be lost', async () => {
    const value = { model: 'news', version: 9, epoch: 41, bundleDigest: 'd', action: 'promote', reason: '', at: 1 };
    await memory.stream
      .producer()
      .send('model-versions', [
        { key: 'news', value: { ...value, promotedBy: 'ana', signature: null, revision: 0, challengers: [] } },
      ]);
    const again = await open();
    await register(null, again);
    expect(await again.promote({ model: 'news', version: 1, ...who })).toEqual({ epoch: 42 });
    await again.close();
  });
});

describe('a second writer', () => {
  it('sees what the first did, and both end in the same state', async () => {
    const other = await open();
    const heard = Promise.withResolvers<void>();
    other.onEvent(({ kind }) => {
      if (kind === 'version-registered') heard.resolve();
    });
    await register('r1');
    await heard.promise;
    expect(other.models()).toEqual(registry.models());
    await other.close();
  });

  it('loses when both decide at once, and is told', async () => {
    const other = await open();
    const results = await Promise.allSettled([register('r1'), register('r2', other)]);
    const versions = results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.code));
    expect(new Set(versions)).toEqual(new Set([1, 'REGISTRY_CONFLICT']));
    const repeated = await Promise.all([register('r1'), register('r2', other)]);
    expect(new Set(repeated)).toEqual(new Set([1, 2]));
    await other.close();
  });
});

describe('a broker that cannot be reached for a while', () => {
  /** A stream whose sends to a topic are written, or not, and then time out, so many times. */
  const unsteady = (topic: TopicName, { failures, written }: { failures: number; written: boolean }) => {
    const producer = memory.stream.producer();
    let left = failures;
    const send: typeof producer.send = async (to, records) => {
      const fails = to === topic && left-- > 0;
      const sent = fails && !written ? [] : await producer.send(to, records);
      if (fails) throw streamError('SEND_TIMED_OUT');
      return sent;
    };
    return { ...memory.stream, producer: () => ({ ...producer, send }) };
  };

  it('is asked again with the same ids', async () => {
    const other = await open(unsteady('registry-events', { failures: 2, written: true }));
    expect(await register('r1', other)).toBe(1);
    expect((await log()).map(({ kind }) => kind)).toEqual(Array(3).fill('version-registered'));
    expect(other.model('news')?.versions).toHaveLength(1);
    await other.close();
  });

  it('is told the serving version when the caller asks again', async () => {
    const other = await open(unsteady('model-versions', { failures: 1, written: false }));
    await register('r1', other);
    const promote = () => other.promote({ model: 'news', version: 1, ...who });
    await expect(promote()).rejects.toMatchObject({ code: 'SEND_TIMED_OUT', retriable: true });
    expect(await announced()).toEqual([]);
    expect(await promote()).toEqual({ epoch: 1 });
    expect(await announced()).toMatchObject([{ version: 1, epoch: 1 }]);
    await other.close();
  });

  it.each([
    ['archived', (to: Registry) => to.changeStage({ model: 'news', version: 2, stage: 'archived', ...who })],
    ['refused', (to: Registry) => to.refuse({ model: 'news', version: 2, runId: null, requestId: 'q', ...who })],
  ])('is told that a canary was %s when the caller asks again', async (_, end) => {
    for (const version of [1, 2]) await register(`r${version}`);
    await registry.promote({ model: 'news', version: 1, ...who });
    await registry.challenge({ model: 'news', version: 2, role: 'canary', share: 0.1, ...who });
    const late = await open(unsteady('model-versions', { failures: 1, written: false }));
    await expect(end(late)).rejects.toMatchObject({ retriable: true });
    expect((await announced()).at(-1)).toMatchObject({ challengers: [{ version: 2 }] });
    await end(late);
    expect((await announced()).at(-1)).toMatchObject({ challengers: [] });
    await late.close();
  });

  it('is not rolled back twice when the caller asks again', async () => {
    for (const version of [1, 2, 3]) {
      await register(`r${version}`);
      await registry.promote({ model: 'news', version, ...who });
    }
    const late = await open(unsteady('model-versions', { failures: 1, written: false }));
    await expect(late.rollback({ model: 'news', ...who })).rejects.toMatchObject({ retriable: true });
    expect(await late.rollback({ model: 'news', ...who })).toEqual({ version: 2, epoch: 4 });
    await late.close();
  });
});
