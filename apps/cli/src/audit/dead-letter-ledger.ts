import type { DeadLetter } from '#libs/clickhouse';
import { digestOf } from './answers.ts';

interface Noted {
  stage: string;
  digest: bigint;
}

/** What table dead_letters has of the letters of one text. */
export interface LetterRows {
  stored: number;
  inFlight: number;
  /** What is wrong, a sentence each. */
  wrong: string[];
}

/**
 * Dead letters and their rows, some 300 bytes each: there are few, because a consumer that rejects too many stops.
 *
 * Monitoring copies topic texts-dlq to the table in its order and commits nothing: it begins anew with each start. So a
 * letter has to be there when the row of a later one is.
 */
export class DeadLetterLedger {
  /** By number of the text. */
  readonly #letters = new Map<number, (Noted & { id: number })[]>();
  readonly #rows = new Map<number, Noted[]>();
  #storedTo = -1;

  /** A row, before every letter: each row that is there then has a record that is there later. */
  row(index: number, stored: DeadLetter): void {
    append(this.#rows, index, { stage: stored.stage, digest: digestOf(stored) });
  }

  /** `id`: offset in texts-dlq. */
  letter(index: number, letter: DeadLetter, id: number): void {
    const { stage } = letter;
    const digest = digestOf(letter);
    append(this.#letters, index, { stage, digest, id });
    if (this.#rows.get(index)?.some((row) => row.digest === digest) === true) this.storedTo(id);
  }

  /** The letter `id` is in the table, of whatever text it is. */
  storedTo(id: number): void {
    this.#storedTo = Math.max(this.#storedTo, id);
  }

  /** After every letter. */
  check(index: number): LetterRows {
    const letters = this.#letters.get(index) ?? [];
    const rows = this.#rows.get(index) ?? [];
    const found: LetterRows = { stored: 0, inFlight: 0, wrong: [] };
    // Written again after a crash, a letter keeps one row of its stage.
    const firsts = new Map(letters.toReversed().map((letter) => [letter.stage, letter]));
    for (const { stage, id } of firsts.values()) {
      if (rows.some((row) => row.stage === stage)) found.stored++;
      else if (id > this.#storedTo) found.inFlight++;
      else found.wrong.push(`texts-dlq@${id} is not in the table`);
    }
    const strange = rows.filter((row) => !letters.some(({ digest }) => digest === row.digest));
    // Rows that are not merged yet are told once.
    for (const { stage } of new Map(strange.map((row) => [row.digest, row])).values()) {
      const letter = firsts.get(stage);
      found.wrong.push(
        letter === undefined
          ? `dead_letters has a row of stage ${stage} without its record`
          : `the row of the dead letter differs from texts-dlq@${letter.id}`,
      );
    }
    return found;
  }
}

function append<T>(all: Map<number, T[]>, index: number, one: T): void {
  const own = all.get(index);
  if (own === undefined) all.set(index, [one]);
  else own.push(one);
}
