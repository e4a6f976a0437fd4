import { expect, it } from 'vitest';
import type { Text } from '#libs/events';
import { connectStream, type Pipeline, type Stream } from '#libs/stream';
import { openTestStream } from '../support/stream.ts';

const total = 6000;
/** Short, because two tests wait for longer than a session. */
const sessionTimeout = 2000;
const longer = 3000;
const text = (id: string): Text => ({ id, model: 'm', text: id, occurredAt: 1, source: '', attributes: {} });

it('members 1 → 2 → 3 → 1 under load: nothing lost, nothing done twice, commits never go back', async () => {
  await using test = await openTestStream({ create: ['texts'] });
  const seen = new Map<string, number>();
  const order = new Map<number, bigint>();
  const disorder: string[] = [];
  const milestones = [1000, 2000, 3500, total].map((count) => ({ count, reached: Promise.withResolvers<void>() }));
  const member = async (stream: Stream): Promise<Pipeline> =>
    stream.consume({
      groupId: 'g',
      topics: ['texts'],
      maximumRecords: 50,
      handleBatch: async ({ accepted, partition }, control) => {
        await control.fence();
        for (const { value, offset } of accepted) {
          if (offset <= (order.get(partition) ?? -1n)) disorder.push(`${partition}@${offset}`);
          order.set(partition, offset);
          seen.set(value.id, (seen.get(value.id) ?? 0) + 1);
        }
        for (const { count, reached } of milestones) if (seen.size >= count) reached.resolve();
        // Work that takes a moment, so that rebalances meet batches at hand.
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    });
  const beside = await Promise.all([1, 2].map(() => connectStream({ ...test.options })));
  const producing = (async () => {
    const producer = test.stream.producer();
    for (let from = 0; from < total; from += 100) {
      const ids = Array.from({ length: 100 }, (_, i) => `t-${from + i}`);
      await producer.send(
        'texts',
        ids.map((id) => ({ key: id, value: text(id) })),
      );
    }
  })();
  const first = await member(test.stream);
  await milestones[0]?.reached.promise;
  const others: Pipeline[] = [];
  for (const [index, stream] of beside.entries()) {
    others.push(await member(stream));
    await milestones[index + 1]?.reached.promise;
  }
  expect(first.status().partitions.length).toBeLessThan(4);
  for (const pipeline of others) await pipeline.close();
  await producing;
  await milestones[3]?.reached.promise;
  await first.close();
  expect(seen.size).toBe(total);
  expect([...seen.values()].filter((times) => times > 1)).toEqual([]);
  expect(disorder).toEqual([]);
  expect((await test.stream.admin.groupLag('g', 'texts')).total).toBe(0);
  expect(test.fatal).toEqual([]);
  for (const stream of beside) await stream.close();
});

it('a batch longer than the session keeps its partition', async () => {
  await using test = await openTestStream({ create: ['texts'], sessionTimeout });
  await test.stream.producer().send('texts', [{ key: 'a', value: text('a') }]);
  let calls = 0;
  const done = Promise.withResolvers<void>();
  const pipeline = await test.stream.consume({
    groupId: 'g',
    topics: ['texts'],
    handleBatch: async (_, control) => {
      calls++;
      // The broker must hear heartbeats meanwhile.
      await new Promise((resolve) => setTimeout(resolve, longer));
      await control.fence();
      done.resolve();
    },
  });
  await done.promise;
  await pipeline.close();
  expect(calls).toBe(1);
  expect((await test.stream.admin.groupLag('g', 'texts')).total).toBe(0);
});

it('a member that was evicted while it was stuck writes nothing for the batch it had', async () => {
  await using test = await openTestStream({ create: ['texts'], sessionTimeout });
  await test.stream.producer().send('texts', [{ key: 'a', value: text('a') }]);
  const fences: string[] = [];
  const again = Promise.withResolvers<void>();
  const pipeline = await test.stream.consume({
    groupId: 'g',
    topics: ['texts'],
    handleBatch: async (_, control) => {
      // No heartbeat can leave.
      if (fences.length === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, longer);
      await control.fence().catch((error: Error) => {
        fences.push(error.message);
        throw error;
      });
      fences.push('open');
      again.resolve();
    },
  });
  await again.promise;
  await pipeline.close();
  expect(fences).toEqual([expect.stringMatching(/may no longer own its partitions/), 'open']);
  expect((await test.stream.admin.groupLag('g', 'texts')).total).toBe(0);
  expect(test.fatal).toEqual([]);
});

it('a consumer that kafkajs gives up for good takes the service down', async () => {
  // The broker allows sessions of half an hour at most.
  await using test = await openTestStream({ create: ['texts'], sessionTimeout: 3_600_000 });
  const consuming = test.stream.consume({ groupId: 'g', topics: ['texts'], handleBatch: async () => undefined });
  await expect(consuming).rejects.toMatchObject({ code: 'CONSUMER_FAILED', retriable: false });
  expect(test.fatal).toHaveLength(1);
  expect(test.readiness.reasons).toEqual([expect.stringMatching(/^consumer g: the consumer stopped by itself/)]);
  expect(await test.metrics.render()).toContain('tidemill_consumer_crashes_total{topic="texts"} 1');
});
