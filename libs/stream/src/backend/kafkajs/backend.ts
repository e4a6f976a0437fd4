import type { Consumer } from 'kafkajs';
import type { Backend, RawProducer, SubscribeOptions, Subscription } from '../backend.ts';
import { KafkaAdmin } from './admin.ts';
import { briefRetry, createClient, type KafkaSettings } from './client.ts';
import { openKafkaProducer } from './producer.ts';
import { defaultSession, KafkaSubscription } from './subscription.ts';

/** A member has this long to come back to a rebalance; far above the drain time-out. */
const rebalanceTimeout = 60_000;
/** Milliseconds that a fetch waits for records. A rebalance waits for the last one of every member. */
const fetchWait = 500;
const longFetchWait = 2000;

/** Kafka through kafkajs 2.2.4; nothing is connected before it is needed. */
export class KafkaBackend implements Backend {
  readonly admin: KafkaAdmin;
  readonly #settings: KafkaSettings;
  readonly #client: ReturnType<typeof createClient>;
  readonly #open = new Set<() => Promise<void>>();

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
    this.#client = createClient(settings);
    this.admin = new KafkaAdmin(createClient(settings, briefRetry));
  }

  async openProducer(): Promise<RawProducer> {
    const producer = await openKafkaProducer(this.#client);
    const close = async () => {
      this.#open.delete(close);
      await producer.close();
    };
    this.#open.add(close);
    return { send: (batch) => producer.send(batch), close };
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const settings = { ...this.#settings, onReset: options.onReset };
    const sessionTimeout = settings.sessionTimeout ?? defaultSession.sessionTimeout;
    const consumer: Consumer = createClient(settings).consumer({
      groupId: options.groupId,
      sessionTimeout,
      heartbeatInterval: settings.heartbeatInterval ?? defaultSession.heartbeatInterval,
      rebalanceTimeout,
      maxBytesPerPartition: options.bytesPerPartition,
      maxBytes: Math.max(options.bytesPerPartition, 10_485_760),
      // kafkajs sends heartbeats between fetches.
      maxWaitTimeInMs: options.alone === true ? Math.min(longFetchWait, Math.floor(sessionTimeout / 6)) : fetchWait,
      allowAutoTopicCreation: false,
      // What is cut off in the middle of joining counts as a crash, after which kafkajs starts again by itself.
      retry: { restartOnFailure: () => Promise.resolve(!subscription.stopping) },
    });
    const subscription: KafkaSubscription = new KafkaSubscription(consumer, options, settings);
    const stop = async () => {
      this.#open.delete(stop);
      await subscription.stop();
    };
    this.#open.add(stop);
    try {
      await subscription.start();
    } catch (error) {
      await stop().catch(() => undefined);
      throw error;
    }
    return { pause: () => subscription.pause(), resume: () => subscription.resume(), stop };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((close) => close()));
    await this.admin.close();
  }
}
