import kafkajs from 'kafkajs';
import { backOff } from '../../consume/back-off.ts';

/** With the waits between them 12 s: a dead broker's partitions have other leaders after 9 s unless configured otherwise. */
const attempts = 7;

/** Asks again while leaders and coordinators are being found, as after a topic's creation or a broker's end. */
export async function whilePassing<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || attempt === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, backOff(attempt)));
    }
  }
}

/** What kafkajs gives up on at once though it passes. */
export function isPassing(error: unknown): boolean {
  const { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } = kafkajs;
  const cause = error instanceof KafkaJSNumberOfRetriesExceeded ? error.cause : error;
  return cause instanceof KafkaJSConnectionError || (error instanceof KafkaJSProtocolError && error.retriable);
}
