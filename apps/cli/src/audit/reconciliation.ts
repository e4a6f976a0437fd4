import type { DeadLetter } from '#libs/clickhouse';
import type { Prediction, Text } from '#libs/events';
import { type AuditReport, emptyReport, type Finding, type FindingKind } from './audit-report.ts';
import { OffsetRanges } from './offset-ranges.ts';
import { type AuditedRange, type Place, PredictionLedger } from './prediction-ledger.ts';
import { TextLedger, type UnstoredText } from './text-ledger.ts';
import type { VersionHistory } from './version-history.ts';

export interface ReconciliationOptions {
  /** Texts that are audited; `committed`: by inference. */
  texts: readonly AuditedRange[];
  /** Predictions that are read; `committed`: by monitoring. */
  predictions: readonly AuditedRange[];
  /** Up to which offset (exclusive) of each partition of texts monitoring has committed; undefined: without the tables. */
  storedBelow?: ReadonlyMap<number, number> | undefined;
  history: VersionHistory;
  /** Texts of this model only. */
  model?: string | undefined;
  /** A version may answer this long after the next was promoted, in milliseconds. */
  maximumStaleness: number;
  /** One instance answers: then the epochs of a partition never fall. */
  oneInstance: boolean;
  /** Predictions of texts before this record time have expired in part, epoch milliseconds; asked when they were read. */
  expiredBefore?: (() => number) | undefined;
  onFinding: (finding: Finding) => void;
}

/**
 * Reconciles texts with what became of them: each has one outcome, an answer of a version that served then, kept as it
 * was given, or a dead letter. Nothing is read here, so that it can be shown on made-up histories what is found.
 *
 * Feed it in this order: `prediction` (each partition in order), `predictionRow`, `letterRow`, `letter`, `textRow`, then
 * `text` and `unreadable`, then `finish`. Memory: 60 bytes a text, 50 more for each role beside the champion, 200 for
 * each answer again by another epoch, 13 bytes a prediction that is read, 450 bytes a dead letter.
 */
export class Reconciliation {
  readonly #report: AuditReport;
  readonly #predictions: PredictionLedger;
  readonly #texts: TextLedger;

  constructor(options: ReconciliationOptions) {
    const { storedBelow, history, model, oneInstance, maximumStaleness } = options;
    const texts = new OffsetRanges(options.texts);
    const report = emptyReport({ withTables: storedBelow !== undefined, oneInstance });
    const find = (kind: FindingKind, { partition, offset, id }: Place & { id?: string }, detail: string) => {
      report.findings[kind]++;
      options.onFinding({ kind, partition, offset, textId: id ?? null, detail });
    };
    this.#report = report;
    this.#predictions = new PredictionLedger({
      texts,
      predictions: options.predictions,
      withTables: storedBelow !== undefined,
      history,
      model,
      maximumStaleness,
      report,
      find,
    });
    this.#texts = new TextLedger({
      texts,
      answeredBelow: new Map(options.texts.map(({ partition, committed }) => [partition, committed])),
      storedBelow,
      model,
      expiredBefore: options.expiredBefore ?? (() => -Infinity),
      predictions: this.#predictions,
      history,
      maximumStaleness,
      report,
      find,
    });
  }

  prediction(answer: Prediction, place: Place): void {
    this.#predictions.note(answer, place);
  }

  /** A record of topic predictions that cannot be decoded. */
  unreadablePrediction(): void {
    this.#report.unreadablePredictions++;
  }

  /** Rows of one key follow each other; a key may have several until the engine has merged them. */
  predictionRow(answer: Prediction, place: Place): void {
    this.#predictions.row(answer, place);
  }

  letterRow(stored: DeadLetter): void {
    this.#texts.letterRow(stored);
  }

  /** In the order of texts-dlq; `id`: its offset there. */
  letter(letter: DeadLetter, id: number): void {
    this.#texts.letter(letter, id);
  }

  /** This record of texts-dlq is known to be in the table. */
  lettersStoredTo(id: number): void {
    this.#texts.lettersStoredTo(id);
  }

  textRow(stored: Text, place: Place): void {
    this.#texts.row(stored, place);
  }

  text(value: Text, place: Place & { timestamp: number }): void {
    this.#texts.text(value, place);
  }

  unreadable(place: Place & { timestamp: number }): void {
    this.#texts.unreadable(place);
  }

  /** Texts of which the table has no row of their own; `finish` asks which of them were replaced by a later one. */
  get unstored(): readonly UnstoredText[] {
    return this.#texts.unstored;
  }

  /** `ends`: offset after the last text of each partition, asked when every prediction had been read. */
  finish(ends: ReadonlyMap<number, number>, replaced: (text: UnstoredText) => boolean = () => false): AuditReport {
    this.#predictions.finish(ends);
    this.#texts.finish(replaced);
    return this.#report;
  }
}
