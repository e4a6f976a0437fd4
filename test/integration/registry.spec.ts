import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ModelVersion } from '#libs/events';
import { newId, silentLogger, systemClock } from '#libs/platform';
import { Registry } from '#libs/registry';
import type { Stream } from '#libs/stream';
import { openTestStream, type TestStream } from '../support/stream.ts';

let kafka: TestStream;
const who = { by: 'ana', reason: 'because' };
const open = (stream: Stream) => Registry.open({ stream, clock: systemClock, logger: silentLogger, newId });
const register = (registry: Registry, runId: string) =>
  registry.registerVersion({
    model: 'news',
    runId,
    requestId: null,
    digest: `digest of ${runId}`,
    labels: ['a', 'b'],
    metrics: { accuracy: 0.9 },
    lineage: { seed: 7 },
    ...who,
  });

async function announced(): Promise<ModelVersion[]> {
  const records: ModelVersion[] = [];
  await kafka.stream.readToEnd('model-versions', ({ value }) => void (value !== null && records.push(value)));
  return records;
}

beforeEach(async () => {
  kafka = await openTestStream({ create: ['registry-events', 'model-versions'] });
});
afterEach(() => kafka[Symbol.asyncDispose]());

it('comes back from its log as it was', async () => {
  const first = await open(kafka.stream);
  const runId = await first.startRun({ model: 'news', requestId: 'q', parameters: { seed: '7' }, ...who });
  await first.finishRun(runId, { metrics: { accuracy: 0.9 }, artifacts: { card: 'digest' } });
  for (const [index, run] of [runId, 'other'].entries()) {
    await register(first, run);
    await first.promote({ model: 'news', version: index + 1, ...(index === 0 ? { requestId: 'q' } : {}), ...who });
  }
  expect(await first.rollback({ model: 'news', ...who })).toEqual({ version: 1, epoch: 3 });
  await first.close();

  const again = await open(kafka.stream);
  expect(again.models()).toEqual(first.models());
  expect(again.runs()).toEqual(first.runs());
  expect(again.ended('news', 'q')).toMatchObject({ kind: 'promoted', epoch: 1 });
  expect(await again.promote({ model: 'news', version: 1, requestId: 'q', ...who })).toEqual({ epoch: 1 });
  expect((await announced()).map(({ version, epoch, action }) => [version, epoch, action])).toEqual([
    [1, 1, 'promote'],
    [2, 2, 'promote'],
    [1, 3, 'rollback'],
  ]);
  await again.close();
});

it('has one order of decisions, also with two writers', async () => {
  await using other = await openTestStream({ topicPrefix: kafka.topicPrefix, create: [] });
  const registries = await Promise.all([open(kafka.stream), open(other.stream)]);
  const results = await Promise.allSettled(
    registries.flatMap((registry, writer) =>
      Array.from({ length: 10 }, (_, i) => register(registry, `run ${writer}-${i}`)),
    ),
  );
  const numbers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
  // No number was given to two runs, and who lost was told so.
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(codes.filter((code) => code !== 'REGISTRY_CONFLICT')).toEqual([]);
  const third = await open(kafka.stream);
  expect(third.model('news')?.versions.map(({ version }) => version)).toEqual(numbers.toSorted((a, b) => a - b));
  await Promise.all([...registries, third].map((registry) => registry.close()));
});
