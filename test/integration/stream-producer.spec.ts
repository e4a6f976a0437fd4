import kafkajs from 'kafkajs';
import { expect, it } from 'vitest';
import type { Text } from '#libs/events';
import { openTestStream, testKafka } from '../support/stream.ts';

const text = (id: string): Text => ({ id, model: 'm', text: `text ${id}`, occurredAt: 1, source: '', attributes: {} });

it('overlapping sends all arrive once, each at the place it was told, compressed so that others can read it', async () => {
  await using test = await openTestStream({ create: ['texts'] });
  const producer = test.stream.producer();
  const told = new Map<string, string>();
  // Connected already, so that whatever overlaps meets on one connection, which takes one request at a time.
  const [first] = await producer.send('texts', [{ key: 'first', value: text('first') }]);
  told.set('first', `${first?.partition}@${first?.offset}`);
  await Promise.all(
    Array.from({ length: 200 }, async (_, call) => {
      const ids = Array.from({ length: 1 + (call % 20) }, (_, i) => `${call}-${i}`);
      const written = await producer.send(
        'texts',
        ids.map((id) => ({ key: id, value: text(id) })),
      );
      for (const [i, { partition, offset }] of written.entries()) told.set(ids[i] ?? '', `${partition}@${offset}`);
    }),
  );
  const found = new Map<string, string>();
  await test.stream.readToEnd('texts', ({ value, partition, offset }) => {
    expect(found.has(value?.id ?? '')).toBe(false);
    found.set(value?.id ?? '', `${partition}@${offset}`);
  });
  expect(found).toEqual(told);
});

it('keys land where kafkajs’ own Java-compatible partitioner puts them', async () => {
  await using test = await openTestStream({ create: ['texts'] });
  const keys = Array.from({ length: 200 }, (_, i) => `ключ-${i}-😍`);
  const ours = await test.stream.producer().send(
    'texts',
    keys.map((key) => ({ key, value: text(key) })),
  );
  const other = new kafkajs.Kafka({ brokers: [...testKafka().brokers], logLevel: kafkajs.logLevel.NOTHING }).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await other.connect();
  for (const [i, key] of keys.entries()) {
    if (i % 20 !== 0) continue;
    const [result] = await other.send({ topic: `${test.topicPrefix}texts`, messages: [{ key, value: 'x' }] });
    expect(result?.partition).toBe(ours[i]?.partition);
  }
  await other.disconnect();
});

it('headers without a value, as other clients send them, do not stop a dead letter', async () => {
  await using test = await openTestStream({ create: ['texts'] });
  await test.stream
    .producer()
    .sendRaw('texts', [{ key: 'k', value: Buffer.from('junk'), headers: { none: undefined } }]);
  const buried = Promise.withResolvers<void>();
  const pipeline = await test.stream.consume({
    groupId: 'g',
    topics: ['texts'],
    handleBatch: async () => buried.resolve(),
  });
  await buried.promise;
  await pipeline.close();
  expect(await test.stream.deadLetters.list('texts')).toHaveLength(1);
});
