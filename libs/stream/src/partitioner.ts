import type { OutgoingMessage } from './backend/backend.ts';

/**
 * Murmur2 as Kafka's Java client computes it (seed 0x9747b28c), so that a key lands in the same partition whoever sends
 * it. Source: org.apache.kafka.common.utils.Utils#murmur2.
 */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  const m = 0x5bd1e995;
  let hash = (0x9747b28c ^ length) | 0;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k = byte(data, i) | (byte(data, i + 1) << 8) | (byte(data, i + 2) << 16) | (byte(data, i + 3) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    hash = Math.imul(hash, m) ^ k;
  }
  const rest = length - whole;
  if (rest === 3) hash ^= byte(data, whole + 2) << 16;
  if (rest >= 2) hash ^= byte(data, whole + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byte(data, whole), m);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return (hash ^ (hash >>> 15)) | 0;
}

function byte(data: Uint8Array, index: number): number {
  return data[index] ?? 0;
}

/** Kafka's default partition of a key. */
export function partitionOf(key: Buffer | string, partitions: number): number {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'utf8') : key;
  return (murmur2(bytes) & 0x7fffffff) % partitions;
}

/** Chooses a partition where none is set: by key, and in turn for records without one. */
export function createPartitioner(): (message: OutgoingMessage, partitions: number) => number {
  let turn = 0;
  return (message, partitions) =>
    (message.partition ??= message.key === null ? turn++ % partitions : partitionOf(message.key, partitions));
}
