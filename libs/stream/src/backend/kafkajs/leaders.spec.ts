import type { PartitionMetadata } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { Leaders, LeadersMoved, type RoutedTopic } from './leaders.ts';

/** Metadata in which partition `i` is led by the `i`th of these brokers. */
function led(...leaders: number[]): PartitionMetadata[] {
  return leaders.map((leader, partitionId) => ({ partitionId, leader, partitionErrorCode: 0, replicas: [], isr: [] }));
}

/** Topics of messages whose keys are their partitions. */
function toPartitions(topics: Record<string, number[]>): RoutedTopic[] {
  return Object.entries(topics).map(([topic, partitions]) => ({
    topic,
    messages: partitions.map((partition) => ({ key: `${partition}`, value: null })),
  }));
}

const keyed = () => new Leaders(({ key }) => Number(key));
const keys = (requests: RoutedTopic[][]) =>
  requests.map((request) =>
    Object.fromEntries(request.map(({ topic, messages }) => [topic, messages.map(({ key }) => Number(key))])),
  );

/** What kafkajs does with a request: the partition of every message is asked for. */
function ask(leaders: Leaders, request: RoutedTopic[], metadata: Record<string, PartitionMetadata[]>): number[] {
  return request.flatMap(({ topic, messages }) =>
    messages.map((message) => leaders.partitioner({ topic, partitionMetadata: metadata[topic] ?? [], message })),
  );
}

describe('requests of a producer', () => {
  const metadata = { texts: led(1, 2, 1, 2), labels: led(2, 1) };

  /** One that has written to both topics before. */
  function informed(): Leaders {
    const leaders = keyed();
    for (const request of leaders.divide(toPartitions({ texts: [0], labels: [0] })))
      expect(() => ask(leaders, request, metadata)).toThrow(LeadersMoved);
    return leaders;
  }

  it('go to one broker each, whatever the topics, records of a partition in their order', () => {
    const leaders = informed();
    const requests = leaders.divide(toPartitions({ texts: [0, 1, 2, 3, 0], labels: [0, 1] }));
    expect(keys(requests)).toEqual([
      { texts: [0, 2, 0], labels: [1] },
      { texts: [1, 3], labels: [0] },
    ]);
    expect(requests.map((request) => ask(leaders, request, metadata))).toEqual([
      [0, 2, 0, 1],
      [1, 3, 0],
    ]);
  });

  it('for topics never written to tell who leads them before anything leaves', () => {
    const leaders = keyed();
    const requests = leaders.divide(toPartitions({ texts: [0, 1], labels: [0] }));
    expect(keys(requests)).toEqual([{ texts: [0, 1] }, { labels: [0] }]);
    for (const request of requests) expect(() => ask(leaders, request, metadata)).toThrow(LeadersMoved);
    expect(keys(leaders.divide(requests.flat()))).toEqual([{ texts: [0] }, { texts: [1], labels: [0] }]);
  });

  it('are divided anew when a leader has moved, to the partitions they had', () => {
    let turn = 0;
    const leaders = new Leaders(() => turn++ % 4);
    const messages = [1, 2, 3, 4].map(() => ({ key: null, value: null }));
    const [unknown = []] = leaders.divide([{ topic: 'texts', messages }]);
    expect(() => ask(leaders, unknown, metadata)).toThrow(LeadersMoved);
    const [first = [], second = []] = leaders.divide(unknown);
    expect(ask(leaders, second, metadata)).toEqual([1, 3]);
    const moved = { texts: led(1, 2, 3, 2) };
    expect(() => ask(leaders, first, moved)).toThrow(LeadersMoved);
    expect(leaders.divide(first).map((request) => ask(leaders, request, moved))).toEqual([[0], [2]]);
  });

  it('that name a partition there is not are left to Kafka to refuse', () => {
    const leaders = informed();
    const message = { key: null, value: null, partition: 7 };
    const [request = []] = leaders.divide([{ topic: 'texts', messages: [message] }]);
    expect(ask(leaders, request, metadata)).toEqual([7]);
  });
});
