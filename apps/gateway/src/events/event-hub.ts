import { newId } from '#libs/platform';

/** One server-sent event. */
export interface HubEvent {
  id: string;
  event: string;
  data: string;
}

/** Which events a client asked for, by name. */
export type Wants = (event: string) => boolean;

interface Listener {
  wants: Wants;
  hear: (event: HubEvent) => void;
}

/** Events remembered for clients that come back. */
const rememberedEvents = 1000;
/** Measurements of the moment are not worth remembering. */
const transient = new Set(['throughput']);

/** Hands events to everyone who listens, and the missed ones to who returns. */
export class EventHub {
  readonly #boot = newId().slice(0, 8);
  readonly #listeners = new Set<Listener>();
  readonly #recent: HubEvent[] = [];
  #sequence = 0;

  /** Whether anybody listens to an event. */
  wanted(event: string): boolean {
    return [...this.#listeners].some(({ wants }) => wants(event));
  }

  publish(event: string, data: unknown): void {
    const made = { id: `${this.#boot}-${++this.#sequence}`, event, data: JSON.stringify(data) };
    if (!transient.has(event)) {
      this.#recent.push(made);
      if (this.#recent.length > rememberedEvents) this.#recent.shift();
    }
    for (const { wants, hear } of this.#listeners) if (wants(event)) hear(made);
  }

  /** The events after `lastId`; undefined when that is not known (another process, or too long ago). */
  since(lastId: string): HubEvent[] | undefined {
    const [boot, sequence] = lastId.split('-');
    if (boot !== this.#boot) return undefined;
    const last = Number(sequence);
    const oldest = this.#recent[0];
    if (oldest !== undefined && sequenceOf(oldest) > last + 1 && this.#recent.length === rememberedEvents)
      return undefined;
    return this.#recent.filter((event) => sequenceOf(event) > last);
  }

  /** Hears the events it wants until the returned function is called. */
  listen(hear: (event: HubEvent) => void, wants: Wants = () => true): () => void {
    const listener = { wants, hear };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function sequenceOf({ id }: HubEvent): number {
  return Number(id.slice(id.indexOf('-') + 1));
}
