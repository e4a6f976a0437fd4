import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '#libs/platform';
import type { Backend, PartitionId, RawMessage, SubscribeOptions } from '../backend/backend.ts';
import { partitionOf } from '../partitioner.ts';

/** What every backend must do; run on memory beside the code and on Kafka under test/integration. */
export function backendContract(name: string, open: () => Promise<Backend> | Backend): void {
  describe(`backend contract: ${name}`, () => {
    let backend: Backend;
    let topic: string;
    beforeEach(async () => {
      backend = await open();
      topic = `contract-${newId()}`;
      await backend.admin.createTopics([
        { topic, partitions: 3, replicationFactor: 1, configuration: { 'cleanup.policy': 'delete' } },
      ]);
    });
    afterEach(() => backend.close());

    const subscribe = (options: Partial<SubscribeOptions> & Pick<SubscribeOptions, 'handle'>) =>
      backend.subscribe({
        groupId: `${topic}-group`,
        topics: [topic],
        concurrency: 3,
        bytesPerPartition: 1_048_576,
        onFatal: (error) => {
          throw error;
        },
        ...options,
      });
    const send = async (messages: { key: string | null; value: string; partition?: number }[]) => {
      const producer = await backend.openProducer();
      const batch = messages.map((message) => ({ ...message, value: Buffer.from(message.value) }));
      const offsets = await producer.send([{ topic, messages: batch }]);
      await producer.close();
      return { batch, offsets };
    };
    /** Reads until `count` records have come. */
    const collect = async (count: number, options: Partial<SubscribeOptions> = {}) => {
      const read: (PartitionId & { message: RawMessage })[] = [];
      const done = Promise.withResolvers<void>();
      const subscription = await subscribe({
        ...options,
        handle: async ({ partition, messages }) => {
          for (const message of messages) read.push({ topic, partition, message });
          if (read.length >= count) done.resolve();
        },
      });
      await done.promise;
      await subscription.stop();
      return read;
    };

    it('describes only topics that exist, and raises partitions', async () => {
      await backend.admin.raisePartitions(topic, 5);
      const found = await backend.admin.describeTopics([topic, `${topic}-missing`]);
      expect(found).toMatchObject([{ topic, partitions: 5, configuration: { 'cleanup.policy': 'delete' } }]);
      expect(await backend.admin.offsets(topic)).toHaveLength(5);
    });

    it('puts keys where Kafka’s own clients put them, and says where', async () => {
      const { batch, offsets } = await send(['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, value: key })));
      for (const { key, partition } of batch) expect(partition).toBe(partitionOf(key ?? '', 3));
      for (const { partition, offset } of offsets) {
        expect(offset).toBe(0n);
        expect(batch.some((message) => message.partition === partition)).toBe(true);
      }
    });

    it('keeps bytes, headers, times and order', async () => {
      const producer = await backend.openProducer();
      const value = Buffer.from([0, 255, 1, 2]);
      await producer.send([
        {
          topic,
          messages: [
            { key: 'k', value, headers: { one: 'x', two: ['y', 'z'] }, partition: 1, timestamp: 1_700_000_000_000 },
            { key: null, value: null, partition: 1 },
          ],
        },
      ]);
      await producer.close();
      const [first, second] = await collect(2);
      expect(first).toMatchObject({ partition: 1, message: { offset: 0n, timestamp: 1_700_000_000_000 } });
      expect(first?.message.key?.toString()).toBe('k');
      expect(first?.message.value).toEqual(value);
      expect(String(first?.message.headers['one'])).toBe('x');
      expect([first?.message.headers['two']].flat().map(String)).toEqual(['y', 'z']);
      expect(second?.message).toMatchObject({ offset: 1n, key: null, value: null });
    });

    it('commits what was handled, so that the next member goes on after it', async () => {
      await send([1, 2, 3].map((n) => ({ key: null, value: `${n}`, partition: 0 })));
      await collect(3);
      expect((await backend.admin.committed(`${topic}-group`, topic)).get(0)).toBe(3n);
      await send([{ key: null, value: '4', partition: 0 }]);
      const read = await collect(1);
      expect(read.map(({ message }) => String(message.value))).toEqual(['4']);
    });

    it('commits what was resolved when the handler throws, ends, and delivers the rest again', async () => {
      await send([1, 2, 3].map((n) => ({ key: null, value: `${n}`, partition: 0 })));
      const fatal = Promise.withResolvers<Error>();
      const subscription = await subscribe({
        handle: async ({ messages }, control) => {
          control.resolve(messages[0]?.offset ?? 0n);
          throw new TypeError('a bug');
        },
        onFatal: (error) => fatal.resolve(error),
      });
      expect((await fatal.promise).message).toContain('a bug');
      await subscription.stop();
      const read = await collect(2);
      expect(read.map(({ message }) => String(message.value))).toEqual(['2', '3']);
    });

    it('shares partitions 1 → 2 → 1 and loses none of the records', async () => {
      const seen = new Set<string>();
      const owned = new Map<string, Set<number>>();
      const all = Promise.withResolvers<void>();
      const total = 600;
      const member = (who: string) => {
        const alone = Promise.withResolvers<void>();
        const shared = Promise.withResolvers<void>();
        const subscription = subscribe({
          handle: async ({ messages }, control) => {
            await control.fence();
            for (const { value } of messages) seen.add(String(value));
            if (seen.size === total) all.resolve();
          },
          onAssigned: (partitions) => {
            owned.set(who, new Set(partitions.map(({ partition }) => partition)));
            if (partitions.length === 3) alone.resolve();
            else shared.resolve();
          },
        });
        return { alone, shared, subscription };
      };
      const records = (from: number) =>
        send(Array.from({ length: 200 }, (_, i) => ({ key: `${from + i}`, value: `${from + i}` })));
      const first = member('first');
      await first.subscription;
      await records(0);
      const second = member('second');
      const other = await second.subscription;
      await Promise.all([first.shared.promise, second.shared.promise]);
      const both = [...(owned.get('first') ?? []), ...(owned.get('second') ?? [])];
      expect(both.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
      await records(200);
      await (await first.subscription).stop();
      await second.alone.promise;
      await records(400);
      await all.promise;
      await other.stop();
      const ends = await backend.admin.offsets(topic);
      const committed = await backend.admin.committed(`${topic}-group`, topic);
      for (const { partition, high } of ends) expect(committed.get(partition)).toBe(high);
    });

    it('begins where it is told to, whatever was committed', async () => {
      const times = [1000, 2000, 3000, 4000];
      const producer = await backend.openProducer();
      const messages = times.map((timestamp) => ({
        key: null,
        value: Buffer.from(`${timestamp}`),
        partition: 1,
        timestamp,
      }));
      await producer.send([{ topic, messages }]);
      await producer.close();
      const found = await backend.admin.offsetsAt(topic, 2500);
      expect([...found].toSorted(([a], [b]) => a - b)).toEqual([
        [0, 0n],
        [1, 2n],
        [2, 0n],
      ]);
      const options = { startAt: ({ partition }: PartitionId) => found.get(partition) };
      const read = await collect(2, options);
      expect(read.map(({ message }) => String(message.value))).toEqual(['3000', '4000']);
      expect((await collect(2, options)).map(({ message }) => message.offset)).toEqual([2n, 3n]);
    });

    it('fetches nothing while paused', async () => {
      const read: string[] = [];
      const came = Promise.withResolvers<void>();
      const subscription = await subscribe({
        handle: async ({ messages }) => {
          for (const { value } of messages) read.push(String(value));
          came.resolve();
        },
      });
      subscription.pause();
      await send([{ key: null, value: 'late', partition: 0 }]);
      // Another group proves that the record can be had.
      await collect(1, { groupId: `${topic}-other` });
      expect(read).toEqual([]);
      subscription.resume();
      await came.promise;
      expect(read).toEqual(['late']);
      await subscription.stop();
    });

    it('tells how far it has come', async () => {
      await send([1, 2, 3].map((n) => ({ key: null, value: `${n}`, partition: 2 })));
      const reached = Promise.withResolvers<PartitionId>();
      const subscription = await subscribe({
        handle: async () => undefined,
        onProgress: (partition, next) => {
          if (next === 3n) reached.resolve(partition);
        },
      });
      expect(await reached.promise).toEqual({ topic, partition: 2 });
      await subscription.stop();
    });

    it('waits for the batch at hand when it stops, commits it, and lets nothing out afterwards', async () => {
      await send([{ key: null, value: 'x', partition: 0 }]);
      const started = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      let fence = (): Promise<void> => Promise.resolve();
      const subscription = await subscribe({
        handle: async (_, control) => {
          fence = () => control.fence();
          started.resolve();
          await finish.promise;
        },
      });
      await started.promise;
      await fence();
      const stopping = subscription.stop();
      finish.resolve();
      await stopping;
      expect((await backend.admin.committed(`${topic}-group`, topic)).get(0)).toBe(1n);
      await expect(fence()).rejects.toMatchObject({ code: 'CONSUMER_FENCED' });
    });
  });
}
