import type { Prediction } from '#libs/events';
import { digestOf, flawOf, RoleAnswers } from './answers.ts';
import type { AuditReport, FindingKind } from './audit-report.ts';
import { type OffsetRange, OffsetRanges } from './offset-ranges.ts';
import type { VersionHistory } from './version-history.ts';

/** A range of one partition, and up to which offset (exclusive) its consumer has committed. */
export interface AuditedRange extends OffsetRange {
  committed: number;
}

export interface Place {
  partition: number;
  offset: number;
}

export interface PredictionLedgerOptions {
  texts: OffsetRanges;
  /** What is read of topic predictions; `committed`: by monitoring. */
  predictions: readonly AuditedRange[];
  withTables: boolean;
  history: VersionHistory;
  /** Answers of this model only. */
  model: string | undefined;
  /** A version may answer this long after the next was promoted, in milliseconds. */
  maximumStaleness: number;
  report: AuditReport;
  find: (kind: FindingKind, text: Place & { id?: string }, detail: string) => void;
}

const seen = 1;
/** The first record under its key, which the table keeps. */
const first = 2;
const stored = 4;

/**
 * What was answered: the predictions as they lie in Kafka, 13 bytes each, and by role what they say of each text. A
 * shadow's are looked at like the others, but are no answer.
 */
export class PredictionLedger {
  readonly #options: PredictionLedgerOptions;
  readonly #records: OffsetRanges;
  readonly #flags: Uint8Array;
  readonly #digests: BigUint64Array;
  /** Number of the text that a record answers. */
  readonly #answered: Uint32Array;
  readonly #roles = new Map<string, RoleAnswers>();
  readonly #models: string[] = [];
  /** Input and output partition to the highest offset that was answered first. */
  readonly #furthest = new Map<string, number>();
  /** Input partition to what was answered furthest in it, of whatever range. */
  readonly #answeredLast = new Map<number, Place & { id: string }>();
  #previousRow = { key: '', month: '' };

  constructor(options: PredictionLedgerOptions) {
    this.#options = options;
    this.#records = new OffsetRanges(options.predictions);
    this.#flags = new Uint8Array(this.#records.size);
    this.#digests = new BigUint64Array(this.#records.size);
    this.#answered = new Uint32Array(options.withTables ? this.#records.size : 0);
  }

  /** A record of topic predictions; call it in the order of each partition. */
  note(answer: Prediction, place: Place): void {
    const { report, find } = this.#options;
    this.#noteFurthest(answer);
    const index = this.#textOf(answer);
    const record = this.#records.indexOf(place.partition, place.offset);
    if (index === undefined || record === undefined) return;
    const { role } = answer;
    const text = { partition: answer.inputPartition, offset: answer.inputOffset, id: answer.textId };
    report.predictions[role] = (report.predictions[role] ?? 0) + 1;
    this.#flags[record] = seen;
    this.#digests[record] = digestOf(answer);
    if (this.#options.withTables) this.#answered[record] = index;
    const flaw = flawOf(answer);
    if (flaw !== undefined) find('mislabelled', text, `${flaw} (role ${role}, epoch ${answer.epoch})`);
    const promoted = this.#checkVersion(answer, text);
    // Several shadows answer the same text.
    const answering = role === 'shadow' ? `shadow ${answer.version}` : role;
    const answers = this.#roles.get(answering) ?? new RoleAnswers(this.#options.texts.size);
    this.#roles.set(answering, answers);
    // What a shadow left out it may answer when the text is delivered again.
    if (!isShadow(role) && !this.isAnswered(index)) this.#checkOrder(answer, place, text);
    const again = answers.note(index, answer, { record, promoted, model: this.#modelNumber(answer.model) });
    if (again === undefined) this.#flags[record] = seen | first;
    else if (again.relation === 'another text')
      find('misattributed', text, `epoch ${answer.epoch} names another text than the answer before (role ${role})`);
    else if (again.relation === 'contradicting') {
      const said = `${answer.label} ${answer.confidence} by version ${answer.version}`;
      find('contradicting', text, `epoch ${answer.epoch} answers ${said}, and said otherwise before (role ${role})`);
    } else if (this.#digests[again.previous] === this.#digests[record])
      find('doubled', text, `the same record of epoch ${answer.epoch} was written twice by one producer`);
    else {
      report.repeated++;
      if (again.relation === 'rounded') report.repeatedRounded++;
    }
  }

  /** A row of table predictions; rows of one key follow each other. */
  row(answer: Prediction, place: Place): void {
    const { find, report } = this.#options;
    const index = this.#textOf(answer);
    if (index === undefined) return;
    this.#checkKeptOnce(answer);
    const text = { partition: answer.inputPartition, offset: answer.inputOffset, id: answer.textId };
    if (place.offset < 0) return find('stored-wrongly', text, 'the row did not come from Kafka');
    const record = this.#records.indexOf(place.partition, place.offset);
    // Its record has expired, or was written after the audit began.
    if (record === undefined) return;
    const where = `predictions-${place.partition}@${place.offset}`;
    if (this.#flags[record] === 0) find('stored-wrongly', text, `the row names ${where}, where no such record is`);
    else if (this.#digests[record] !== digestOf(answer)) find('stored-wrongly', text, `the row differs from ${where}`);
    this.#flags[record] = (this.#flags[record] ?? 0) | stored;
    if (report.stored !== undefined) report.stored.predictions++;
  }

  /** Whether a champion or a canary answered. */
  isAnswered(index: number): boolean {
    for (const [role, answers] of this.#roles) if (!isShadow(role) && answers.has(index)) return true;
    return false;
  }

  /** Roles that answered a record, but not this text; undefined: it has no text. */
  misnamed(index: number, text: bigint | undefined): string[] {
    return [...this.#roles].flatMap(([role, answers]) =>
      answers.has(index) && answers.texts[index] !== text ? [role] : [],
    );
  }

  /** `ends`: of each partition of texts, after every prediction was read. */
  finish(ends: ReadonlyMap<number, number>): void {
    const { report, withTables, find } = this.#options;
    for (const last of this.#answeredLast.values())
      if (last.offset >= (ends.get(last.partition) ?? 0))
        find('misattributed', last, `texts-${last.partition}@${last.offset} was answered, and is not there`);
    for (const answers of this.#roles.values()) report.answeredAgain += answers.otherEpochs;
    this.#checkEpochs([...this.#roles].flatMap(([role, answers]) => (isShadow(role) ? [] : answers)));
    if (withTables) this.#checkStored();
  }

  /** Number of the text that is answered; undefined: it is not audited. */
  #textOf({ model, inputTopic, inputPartition, inputOffset }: Prediction): number | undefined {
    if (inputTopic !== 'texts' || model !== (this.#options.model ?? model)) return undefined;
    return this.#options.texts.indexOf(inputPartition, inputOffset);
  }

  #checkVersion(answer: Prediction, text: Place): boolean {
    const { history, report, maximumStaleness, find } = this.#options;
    const wrong = history.refute(answer);
    if (wrong !== undefined) find('wrong-version', text, wrong);
    if (wrong !== undefined) return false;
    const { role, epoch } = answer;
    const staleness = history.staleness(answer);
    if (role === 'champion') report.longestStaleness = Math.max(report.longestStaleness, staleness);
    if (staleness > maximumStaleness) {
      const since = role === 'canary' ? 'the trial of its version had ended' : 'a later one was promoted';
      find('wrong-version', text, `epoch ${epoch} answered ${staleness} ms after ${since} (role ${role})`);
    }
    return true;
  }

  #noteFurthest({ inputTopic, model, textId, inputPartition, inputOffset }: Prediction): void {
    if (inputTopic !== 'texts' || model !== (this.#options.model ?? model)) return;
    const furthest = this.#answeredLast.get(inputPartition)?.offset ?? -1;
    if (inputOffset > furthest)
      this.#answeredLast.set(inputPartition, { partition: inputPartition, offset: inputOffset, id: textId });
  }

  /** Order is that of an output partition: records of different partitions have none. */
  #checkOrder({ inputPartition, inputOffset }: Prediction, place: Place, text: Place): void {
    const way = `${inputPartition}/${place.partition}`;
    const furthest = this.#furthest.get(way) ?? -1;
    if (inputOffset < furthest) this.#options.find('out-of-order', text, `answered after offset ${furthest}`);
    else this.#furthest.set(way, inputOffset);
  }

  /** The epoch that counts, the lowest of champion and canary, never falls along a partition. */
  #checkEpochs(answering: readonly RoleAnswers[]): void {
    const { texts, report, find } = this.#options;
    for (const { partition, from, to } of texts.ranges) {
      const highest = new Float64Array(this.#models.length);
      for (let offset = from; offset < to; offset++) {
        const index = texts.indexOf(partition, offset) ?? 0;
        let model = -1;
        let epoch = Infinity;
        for (const answers of answering) {
          if (!answers.has(index)) continue;
          if (model >= 0) report.answeredByBoth++;
          model = (answers.models[index] ?? 0) - 1;
          epoch = Math.min(epoch, answers.lowest[index] ?? Infinity);
        }
        if (epoch === Infinity) continue;
        const before = highest[model] ?? 0;
        if (epoch >= before) highest[model] = epoch;
        else if (!report.oneInstance) report.olderAfterNewer++;
        else {
          const after = `epoch ${epoch} of ${this.#models[model]} after epoch ${before}`;
          find('wrong-version', { partition, offset }, `${after}, by the only instance there is`);
        }
      }
    }
  }

  /** Rows of one key in two months never become one. */
  #checkKeptOnce(answer: Prediction): void {
    const { model, textId, role, version, epoch, inputPartition, inputOffset, occurredAt } = answer;
    const shadow = isShadow(role) ? version : 0;
    const key = JSON.stringify([model, textId, role, epoch, inputPartition, inputOffset, shadow]);
    const month = new Date(occurredAt).toISOString().slice(0, 7);
    const previous = this.#previousRow;
    if (key === previous.key && month !== previous.month)
      this.#options.find(
        'doubled',
        { partition: inputPartition, offset: inputOffset, id: textId },
        `epoch ${epoch} has rows in ${previous.month} and ${month}: readers see both`,
      );
    this.#previousRow = { key, month };
  }

  #checkStored(): void {
    const { predictions, report, texts, find } = this.#options;
    for (const { partition, from, to, committed } of predictions) {
      for (let offset = from; offset < to; offset++) {
        const record = this.#records.indexOf(partition, offset) ?? 0;
        if (this.#flags[record] !== (seen | first)) continue;
        if (offset < committed) {
          const where = `predictions-${partition}@${offset}`;
          find('stored-wrongly', texts.placeOf(this.#answered[record] ?? 0), `${where} is not in the table`);
        } else if (report.stored !== undefined) report.stored.inFlight++;
      }
    }
  }

  #modelNumber(model: string): number {
    const known = this.#models.indexOf(model);
    return known >= 0 ? known : this.#models.push(model) - 1;
  }
}

/** Of a role, or of one as the ledger keeps it: shadows by version. */
function isShadow(role: string): boolean {
  return role.startsWith('shadow');
}
