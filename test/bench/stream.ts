import { type Prediction, type Text, topics } from '#libs/events';
import { createMetrics, newId, silentLogger, systemClock } from '#libs/platform';
import { connectStream, type DecodedBatch } from '#libs/stream';
import { testKafka } from '../support/stream.ts';

/** CPU a text on its way through Kafka, without inference: `node --conditions=tidemill-source test/bench/stream.ts`. */
const events = 200_000;
const perSend = 2000;

const stream = await connectStream({
  ...testKafka(),
  logger: silentLogger,
  metrics: createMetrics(),
  clock: systemClock,
  topicPrefix: `bench-${newId().slice(0, 8)}-`,
});
await stream.admin.applyTopics(Object.values(topics));

async function measure(name: string, run: () => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await run();
  const { user, system } = process.cpuUsage(cpu);
  const rate = (events / (performance.now() - start)) * 1000;
  console.log(`${name}: ${((user + system) / events).toFixed(1)} µs CPU an event, ${rate.toFixed(0)} events/s`);
}

async function consume(groupId: string, handle?: (batch: DecodedBatch<'texts'>) => Promise<void>): Promise<void> {
  let seen = 0;
  const done = Promise.withResolvers<void>();
  const pipeline = await stream.consume({
    groupId,
    topics: ['texts'],
    async handleBatch(batch, control) {
      await control.fence();
      await handle?.(batch);
      seen += batch.messages.length;
      if (seen >= events) done.resolve();
    },
  });
  await done.promise;
  await pipeline.close();
}

function text(n: number): Text {
  const body = `${'lorem ipsum '.repeat(15)}${n}`;
  return {
    id: `text-${n}`,
    model: 'reviews',
    text: body,
    occurredAt: 1_700_000_000_000,
    source: 'bench',
    attributes: {},
  };
}

function prediction(batch: DecodedBatch<'texts'>, { value, offset }: DecodedBatch<'texts'>['accepted'][number]) {
  const answer: Prediction = {
    textId: value.id,
    model: value.model,
    version: 1,
    epoch: 1,
    bundleDigest: 'a'.repeat(64),
    label: 'good',
    confidence: 0.9,
    probabilities: { good: 0.9, bad: 0.1 },
    role: 'champion',
    inputTopic: batch.topic,
    inputPartition: batch.partition,
    inputOffset: Number(offset),
    occurredAt: value.occurredAt,
    inferredAt: 1_700_000_000_000,
    device: 'cpu',
    truncated: false,
    queueMilliseconds: 1,
    inferenceMilliseconds: 1,
  };
  return { key: answer.textId, value: answer };
}

const producer = stream.producer();
await measure('encode and produce', async () => {
  for (let from = 0; from < events; from += perSend) {
    const records = Array.from({ length: perSend }, (_, i) => text(from + i));
    await producer.send(
      'texts',
      records.map((value) => ({ key: value.id, value })),
    );
  }
});
await measure('consume and decode', () => consume('warm-up'));
await measure('consume and decode, again', () => consume('decode'));
await measure('consume, decode, encode, produce, commit', () =>
  consume('loop', async (batch) => {
    await producer.send(
      'predictions',
      batch.accepted.map((message) => prediction(batch, message)),
    );
  }),
);
await stream.close();
