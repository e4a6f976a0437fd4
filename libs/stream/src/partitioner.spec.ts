import { describe, expect, it } from 'vitest';
import { createPartitioner, murmur2, partitionOf } from './partitioner.ts';

describe('murmur2', () => {
  // Kafka's own test vectors: org.apache.kafka.common.utils.UtilsTest#testMurmur2.
  it.each([
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ])('%s', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('takes keys as text or bytes, beyond ASCII too', () => {
    expect(partitionOf('ключ-😍', 7)).toBe(partitionOf(Buffer.from('ключ-😍'), 7));
  });
});

describe('partitioner', () => {
  it('takes turns without a key and respects a given partition', () => {
    const choose = createPartitioner();
    const partitions = [0, 1, 2, 3].map(() => choose({ key: null, value: null }, 3));
    expect(partitions).toEqual([0, 1, 2, 0]);
    expect(choose({ key: 'a', value: null, partition: 2 }, 3)).toBe(2);
  });

  it('chooses once: a retry after the topic has grown goes to the same partition', () => {
    const choose = createPartitioner();
    const message = { key: 'some key', value: null };
    expect(choose(message, 3)).toBe(choose(message, 300));
  });
});
