import { expect, it } from 'vitest';
import type { Text } from '#libs/events';
import { connectStream } from '#libs/stream';
import { consumeTexts, openTestStream } from '../support/stream.ts';

const total = 300;
const limit = 20;
const text = (id: string): Text => ({ id, model: 'm', text: id, occurredAt: 1, source: '', attributes: {} });

it('a bad deploy stops instead of emptying the topic into dead letters, and the next one goes on where it stopped', async () => {
  await using test = await openTestStream({
    create: ['texts'],
    deadLetterLimits: { consecutive: limit, share: 1 },
  });
  const { stream } = test;
  await stream.producer().send(
    'texts',
    Array.from({ length: total }, (_, i) => ({ key: `t${i}`, value: text(`t${i}`), partition: 0 })),
  );
  const bad = await stream.consume({
    groupId: 'g',
    topics: ['texts'],
    maximumRecords: 15,
    handleBatch: () => Promise.reject(new TypeError('cannot read properties of undefined')),
  });
  await expect.poll(() => test.readiness.reasons, { timeout: 20_000 }).toEqual([expect.stringMatching(/in a row/)]);
  await bad.close();
  const buried = (await stream.deadLetters.list('texts')).map(({ key }) => String(key));
  expect(buried.length).toBeLessThanOrEqual(limit);
  expect((await stream.admin.groupLag('g', 'texts')).total).toBe(total - buried.length);
  expect(test.fatal).toEqual([]);

  const good = await connectStream({ ...test.options });
  const batches = await consumeTexts(good, { groupId: 'g', count: total - buried.length });
  const handled = batches.flatMap(({ accepted }) => accepted.map(({ value }) => value.id));
  expect([...buried, ...handled]).toEqual(Array.from({ length: total }, (_, i) => `t${i}`));
  await good.close();
});
