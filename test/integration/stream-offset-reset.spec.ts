import kafkajs from 'kafkajs';
import { expect, it } from 'vitest';
import type { Text } from '#libs/events';
import { consumeTexts, openTestStream, testKafka } from '../support/stream.ts';

const text = (id: string): Text => ({ id, model: 'm', text: id, occurredAt: 1, source: '', attributes: {} });

it('records that expired unread are counted, and reading goes on at the oldest one, not at the end', async () => {
  await using test = await openTestStream({ create: ['texts'] });
  const { stream, topicPrefix } = test;
  const send = (ids: string[]) =>
    stream.producer().send(
      'texts',
      ids.map((id) => ({ key: id, value: text(id), partition: 0 })),
    );
  await send(['a', 'b']);
  await consumeTexts(stream, { groupId: 'g', count: 2 });
  await send(['expired', 'c', 'd']);
  const admin = new kafkajs.Kafka({ brokers: [...testKafka().brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const topic = `${topicPrefix}texts`;
  // kafkajs knows nothing of a topic before it has asked.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] });
  await admin.disconnect();
  const batches = await consumeTexts(stream, { groupId: 'g', count: 2 });
  expect(batches.flatMap(({ accepted }) => accepted.map(({ value }) => value.id))).toEqual(['c', 'd']);
  expect(await test.metrics.render()).toContain('tidemill_offset_resets_total{topic="texts"} 1');
});
