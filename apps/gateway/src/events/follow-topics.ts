import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, type Readiness, reasonOf } from '#libs/platform';
import type { LogReader, Stream } from '#libs/stream';
import { followedTopics, type FollowedTopic, type TopicFeed } from './topic-feed.ts';

export interface FollowOptions {
  stream: Stream;
  feed: TopicFeed;
  logger: Logger;
  readiness: Readiness;
}

const retryEvery = 1000;

/** Reads every followed topic from its beginning and goes on; what was there before the start is known, not news. */
export function followTopics({ stream, feed, logger, readiness }: FollowOptions): { close(): Promise<void> } {
  const stop = new AbortController();
  const readers = new Set<LogReader>();
  for (const topic of followedTopics) void followPatiently(topic);
  return {
    // Readers that are still being opened close themselves once they are: a broker that is away must not hold the exit.
    async close() {
      stop.abort();
      await Promise.all([...readers].map((reader) => reader.close()));
    },
  };

  /** A broker or topic that is not there yet is waited for. */
  async function followPatiently(topic: FollowedTopic): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const reader = await follow(topic);
        readiness.clear(`topic ${topic}`);
        if (stop.signal.aborted) await reader.close();
        else readers.add(reader);
        return;
      } catch (error) {
        readiness.block(`topic ${topic}`, reasonOf(error));
        logger.warn({ topic, reason: reasonOf(error) }, 'a topic cannot be followed yet');
        await delay(retryEvery, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  }

  async function follow(topic: FollowedTopic): Promise<LogReader> {
    let live = false;
    const reader = await stream.readToEnd(
      topic,
      ({ value }) => {
        if (value !== null) feed.take(topic, value, live);
      },
      { follow: true },
    );
    live = true;
    return reader;
  }
}
