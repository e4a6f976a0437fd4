import { type TopicName, topics } from '#libs/events';
import { Problem } from '#libs/http';
import { TidemillError } from '#libs/platform';
import type { StoredDeadLetter, Stream } from '#libs/stream';
import { rfc3339 } from '../edge/event-json.ts';
import { decodeCursor, encodeCursor } from '../reports/cursor.ts';
import type {
  DeadLetterList,
  DeadLetterOutput,
  DeadLetterSelection,
  DeadLetterTopics,
} from './dead-letters.schemas.ts';

/** Characters of a value shown as text. */
const shownCharacters = 500;

const deadLetterTopics = Object.values(topics).flatMap(({ topic, deadLetter }) => (deadLetter ? [topic] : []));

/** Records that could not be processed: seen, sent again, or given up. */
export class DeadLetters {
  readonly #letters: Stream['deadLetters'];

  constructor(letters: Stream['deadLetters']) {
    this.#letters = letters;
  }

  async topics(): Promise<DeadLetterTopics> {
    const counted = deadLetterTopics.map(async (topic) => ({
      topic,
      waiting: (await this.#letters.list(topic)).length,
    }));
    return { topics: await Promise.all(counted) };
  }

  /** Newest first. */
  async list(name: string, { limit, cursor }: { limit: number; cursor?: string | undefined }): Promise<DeadLetterList> {
    const before = cursor === undefined ? Infinity : Number(decodeCursor(cursor, 1)[0]);
    const all = (await this.#letters.list(known(name))).filter(({ id }) => id < before).toReversed();
    const shown = all.slice(0, limit);
    const last = shown.at(-1);
    return {
      items: shown.map(output),
      nextCursor: all.length > limit && last !== undefined ? encodeCursor([Number(last.id)]) : null,
    };
  }

  /** @throws Problem 404 for an id that is not open */
  async resolve(name: string, verb: 'replay' | 'drop', selection: DeadLetterSelection) {
    const topic = known(name);
    const ids =
      'all' in selection
        ? (await this.#letters.list(topic)).map(({ id }) => id)
        : selection.ids.map((id) => BigInt(id));
    try {
      const changed = ids.length === 0 ? 0 : await this.#letters[verb](topic, ids);
      return { topic, changed };
    } catch (error) {
      if (error instanceof TidemillError && error.code === 'DEAD_LETTER_UNKNOWN') throw new Problem(404, error.message);
      throw error;
    }
  }
}

/** @throws Problem 404 */
function known(name: string): TopicName {
  const topic = deadLetterTopics.find((one) => one === name);
  if (topic === undefined)
    throw new Problem(
      404,
      `topic ${JSON.stringify(name)} has no dead letters; topics: ${deadLetterTopics.join(', ')}`,
      {
        known: deadLetterTopics,
      },
    );
  return topic;
}

function output(letter: StoredDeadLetter): DeadLetterOutput {
  const { id, offset, timestamp, failedAt, key, value, schemaId, headers: _headers, ...rest } = letter;
  return {
    ...rest,
    id: Number(id),
    offset: Number(offset),
    timestamp: timeText(timestamp),
    failedAt: timeText(failedAt),
    key: key === null ? null : key.toString('utf8'),
    value: value === null ? null : value.toString('base64'),
    text: (value ?? Buffer.alloc(0)).subarray(0, shownCharacters).toString('utf8'),
    schemaId: schemaId ?? null,
  };
}

function timeText(milliseconds: number): string | null {
  const text = rfc3339(milliseconds);
  return typeof text === 'string' ? text : null;
}
