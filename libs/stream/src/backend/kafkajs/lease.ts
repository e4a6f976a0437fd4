import type { Clock } from '#libs/platform';
import { reasonOf } from '#libs/platform';
import { streamError } from '../../errors.ts';
import type { BatchControl } from '../backend.ts';

export interface LeaseOptions {
  clock: Clock;
  sessionTimeout: number;
  drainTimeout: number;
  /** Sends a heartbeat when one is due; throws what the coordinator says. */
  heartbeat(): Promise<void>;
  /** Epoch milliseconds at which the coordinator last confirmed this member. */
  lastConfirmed(): number;
  /** The coordinator asks the partitions back. */
  onRebalance(error: Error): void;
}

/** How often a batch looks whether a heartbeat is due. */
const pumpInterval = 1000;

/**
 * The hold of one batch on its partition. kafkajs sends no heartbeat while a handler runs and tells nobody when the
 * member was evicted meanwhile, so the lease does both: it pumps heartbeats and refuses effects after an eviction.
 */
export class Lease implements BatchControl {
  readonly #options: LeaseOptions;
  readonly #draining = new AbortController();
  readonly #lost = new AbortController();
  readonly #pump: NodeJS.Timeout;
  #deadline: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #resolved: bigint | undefined;
  #eviction: Error | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#pump = setInterval(() => void this.#beat(), pumpInterval);
  }

  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Highest offset up to which everything is done. */
  get resolved(): bigint | undefined {
    return this.#resolved;
  }

  /** Set when the coordinator no longer knows this member: nothing may be committed. */
  get eviction(): Error | undefined {
    return this.#eviction;
  }

  resolve(offset: bigint): void {
    if (this.#resolved === undefined || offset > this.#resolved) this.#resolved = offset;
  }

  async fence(): Promise<void> {
    if (!this.#lost.signal.aborted && !this.#fresh()) await this.#beat();
    if (this.#lost.signal.aborted || !this.#fresh()) {
      throw streamError('CONSUMER_FENCED', { cause: this.#eviction });
    }
  }

  /** Asks the handler to come to an end, and takes the partition away after the drain time-out. */
  drain(): void {
    if (this.#draining.signal.aborted) return;
    this.#draining.abort();
    this.#deadline = setTimeout(() => this.#lost.abort(), this.#options.drainTimeout);
  }

  end(): void {
    clearInterval(this.#pump);
    clearTimeout(this.#deadline);
    // Whatever the handler still does in the background must not reach the outside.
    this.#lost.abort();
  }

  #fresh(): boolean {
    return this.#options.clock.now() - this.#options.lastConfirmed() < this.#options.sessionTimeout / 2;
  }

  /** Joins the heartbeat that is under way, if one is. */
  #beat(): Promise<void> {
    if (this.#lost.signal.aborted) return Promise.resolve();
    return (this.#beating ??= this.#options
      .heartbeat()
      .catch((error: unknown) => this.#heartbeatFailed(error))
      .finally(() => (this.#beating = undefined)));
  }

  #heartbeatFailed(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(reasonOf(thrown));
    const type = 'type' in error ? error.type : undefined;
    if (type === 'REBALANCE_IN_PROGRESS') {
      // The member still owns its partitions until it joins again.
      this.#options.onRebalance(error);
    } else if (type === 'UNKNOWN_MEMBER_ID' || type === 'ILLEGAL_GENERATION' || type === 'FENCED_INSTANCE_ID') {
      this.#eviction = error;
      this.#draining.abort();
      this.#lost.abort();
    }
    // Anything else (a lost connection, a broker that starts again) shows in the age of the last confirmation.
  }
}
