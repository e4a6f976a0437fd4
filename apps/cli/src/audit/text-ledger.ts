import type { DeadLetter } from '#libs/clickhouse';
import type { Text } from '#libs/events';
import { digestOf, nameOf } from './answers.ts';
import type { AuditReport, FindingKind } from './audit-report.ts';
import { DeadLetterLedger } from './dead-letter-ledger.ts';
import type { OffsetRanges } from './offset-ranges.ts';
import type { Place, PredictionLedger } from './prediction-ledger.ts';
import type { VersionHistory } from './version-history.ts';

export interface TextLedgerOptions {
  texts: OffsetRanges;
  /** Up to which offset (exclusive) of each partition inference has committed. */
  answeredBelow: ReadonlyMap<number, number>;
  /** The same of monitoring; undefined: tables are not looked at. */
  storedBelow: ReadonlyMap<number, number> | undefined;
  /** Texts of this model only. */
  model: string | undefined;
  /** Predictions of texts before this record time have expired in part, epoch milliseconds. */
  expiredBefore: () => number;
  predictions: Pick<PredictionLedger, 'isAnswered' | 'misnamed'>;
  history: VersionHistory;
  /** A version has this long to become known everywhere, in milliseconds. */
  maximumStaleness: number;
  report: AuditReport;
  find: (kind: FindingKind, text: Place & { id?: string }, detail: string) => void;
}

/** A text of which its table has no row of its own: a later one of its id may have replaced it. */
export interface UnstoredText extends Place {
  id: string;
  model: string;
}

const seen = 1;
const row = 2;

/** Each text and its one outcome; 9 bytes a text, and what dead letters take. */
export class TextLedger {
  readonly #options: TextLedgerOptions;
  readonly #flags: Uint8Array;
  /** What the table says the text is. */
  readonly #rows: BigUint64Array;
  readonly #deadLetters = new DeadLetterLedger();
  /** By number of the text its first dead letter. */
  readonly #letters = new Map<number, Pick<DeadLetter, 'error' | 'stage' | 'failedAt'>>();
  readonly unstored: UnstoredText[] = [];

  constructor(options: TextLedgerOptions) {
    this.#options = options;
    this.#flags = new Uint8Array(options.texts.size);
    this.#rows = new BigUint64Array(options.storedBelow === undefined ? 0 : options.texts.size);
  }

  /** A row of table dead_letters, before every letter. */
  letterRow(stored: DeadLetter): void {
    const index = this.#options.texts.indexOf(stored.partition, stored.offset);
    if (index !== undefined) this.#deadLetters.row(index, stored);
  }

  /** A record of topic texts-dlq; `id`: its offset there. */
  letter(about: DeadLetter, id: number): void {
    const { texts, storedBelow, report } = this.#options;
    const index = texts.indexOf(about.partition, about.offset);
    if (index === undefined) return;
    const { error, stage, failedAt } = about;
    if (this.#letters.has(index)) report.lettersRepeated++;
    else this.#letters.set(index, { error, stage, failedAt });
    if (storedBelow !== undefined) this.#deadLetters.letter(index, about, id);
  }

  /** This record of texts-dlq is in the table: those before it have to be. */
  lettersStoredTo(id: number): void {
    this.#deadLetters.storedTo(id);
  }

  /** A row of table texts. */
  row(stored: Text, { partition, offset }: Place): void {
    const index = this.#options.texts.indexOf(partition, offset);
    if (index === undefined) return;
    this.#flag(index, row);
    this.#rows[index] = digestOf(stored);
  }

  /** A record of topic texts, after everything else. */
  text(value: Text, place: Place & { timestamp: number }): void {
    const { texts, model, storedBelow, report, find } = this.#options;
    const index = texts.indexOf(place.partition, place.offset);
    if (index === undefined || (model !== undefined && value.model !== model)) return;
    const named = { ...place, id: value.id };
    this.#checkOutcome(index, named);
    for (const role of this.#options.predictions.misnamed(index, nameOf(value)))
      find('misattributed', named, `its answer names another text than ${value.id} of ${value.model} (role ${role})`);
    const wrong = this.#wronglyBuried(index, value.model);
    if (wrong !== undefined) find('buried-wrongly', named, wrong);
    if (storedBelow === undefined || report.stored === undefined) return;
    if (this.#has(index, row)) {
      report.stored.texts++;
      if (this.#rows[index] !== digestOf(value))
        find('stored-wrongly', named, 'the row of the text differs from its record');
    } else if (place.offset < (storedBelow.get(place.partition) ?? 0)) {
      const { partition, offset } = place;
      this.unstored.push({ partition, offset, id: value.id, model: value.model });
    } else report.stored.inFlight++;
  }

  /** A record of topic texts that cannot be decoded: it ends as a dead letter. */
  unreadable(place: Place & { timestamp: number }): void {
    const { texts, model, find } = this.#options;
    const index = texts.indexOf(place.partition, place.offset);
    if (index === undefined || model !== undefined) return;
    this.#checkOutcome(index, place);
    for (const role of this.#options.predictions.misnamed(index, undefined))
      find('misattributed', place, `a record that cannot be read was answered (role ${role})`);
  }

  #wronglyBuried(index: number, model: string): string | undefined {
    const { history, maximumStaleness } = this.#options;
    const letter = this.#letters.get(index);
    // That is told as doubled.
    if (this.#options.predictions.isAnswered(index)) return undefined;
    if (letter?.stage === 'decode') return `a dead letter (${letter.error}), although it can be read`;
    if (letter?.error !== 'unknown-model') return undefined;
    const late = letter.failedAt - history.firstPromotion(model);
    return late > maximumStaleness
      ? `a dead letter (unknown-model), ${late} ms after a version of ${model} was promoted`
      : undefined;
  }

  /** `replaced`: a row of a later record has taken its place. */
  finish(replaced: (text: UnstoredText) => boolean): void {
    const { texts, model, predictions, find, report } = this.#options;
    for (const text of this.unstored) {
      if (!replaced(text)) find('stored-wrongly', text, 'the text is not in the table');
      else if (report.stored !== undefined) report.stored.texts++;
    }
    // With one model only the records of the others were left out above.
    if (model !== undefined) return;
    for (let index = 0; index < texts.size; index++)
      if (!this.#has(index, seen) && predictions.misnamed(index, undefined).length > 0)
        find('misattributed', texts.placeOf(index), 'a record was answered that is not there');
  }

  #checkOutcome(index: number, place: Place & { id?: string; timestamp: number }): void {
    const { answeredBelow, expiredBefore, report, find } = this.#options;
    this.#flag(index, seen);
    report.texts++;
    const answered = this.#options.predictions.isAnswered(index);
    const letter = this.#letters.get(index);
    const dead = letter !== undefined;
    if (answered) report.answered++;
    if (dead) {
      report.deadLettered++;
      report.deadLetterErrors[letter.error] = (report.deadLetterErrors[letter.error] ?? 0) + 1;
    }
    if (answered && dead) find('doubled', place, 'it was answered and is a dead letter too');
    this.#checkLetters(index, place);
    if (answered || dead) return;
    if (place.offset >= (answeredBelow.get(place.partition) ?? 0)) report.inFlight++;
    else if (place.timestamp < expiredBefore()) report.expired++;
    else find('missing', place, 'committed by inference, with neither answer nor dead letter');
  }

  #checkLetters(index: number, place: Place & { id?: string; timestamp: number }): void {
    const { report, expiredBefore, find } = this.#options;
    if (report.stored === undefined) return;
    const { stored, inFlight, wrong } = this.#deadLetters.check(index);
    report.stored.deadLetters += stored;
    report.stored.inFlight += inFlight;
    // The record of a row may have expired with its time.
    if (place.timestamp < expiredBefore()) return;
    for (const detail of wrong) find('stored-wrongly', place, detail);
  }

  #has(index: number, flag: number): boolean {
    return ((this.#flags[index] ?? 0) & flag) !== 0;
  }

  #flag(index: number, flag: number): void {
    this.#flags[index] = (this.#flags[index] ?? 0) | flag;
  }
}
