/** What must not be. */
export const findingKinds = [
  'missing',
  'doubled',
  'contradicting',
  'mislabelled',
  'out-of-order',
  'wrong-version',
  'misattributed',
  'buried-wrongly',
  'stored-wrongly',
] as const;
export type FindingKind = (typeof findingKinds)[number];

export interface Finding {
  kind: FindingKind;
  /** Place of the text. */
  partition: number;
  offset: number;
  /** null: it is not known any more. */
  textId: string | null;
  detail: string;
}

/** What a range of texts became. */
export interface AuditReport {
  /** Records of the range. */
  texts: number;
  /** Answered by a champion or a canary. */
  answered: number;
  deadLettered: number;
  /** Error code to the texts that are dead letters because of it. */
  deadLetterErrors: Record<string, number>;
  /** Neither yet, and not committed by inference either. */
  inFlight: number;
  /** Neither, but so old that predictions of their time have expired. */
  expired: number;
  /** Predictions of the range, by role, every one counted. */
  predictions: Record<string, number>;
  /** Records among the predictions that cannot be decoded: whatever they answered is not known. */
  unreadablePredictions: number;
  /** Written again after a crash with the same key and content: harmless, a reader by key sees one. */
  repeated: number;
  /** Of these, with probabilities that differ by rounding. */
  repeatedRounded: number;
  /** Answered again by another epoch, because a swap came between answer and commit: the lowest epoch counts. */
  answeredAgain: number;
  /** Answered by a canary and by the champion, because the text was delivered again: of one epoch the first counts. */
  answeredByBoth: number;
  /** One instance answers: then an epoch that falls along a partition is wrong, else it is counted. */
  oneInstance: boolean;
  /** Answers of an older epoch after a newer one had answered in the partition: it moved to an instance that still loaded. */
  olderAfterNewer: number;
  /** Dead letters written again. */
  lettersRepeated: number;
  /** Longest time after a promotion at which the version before still answered, in milliseconds. */
  longestStaleness: number;
  /** undefined: the tables were not looked at. */
  stored: { predictions: number; texts: number; deadLetters: number; inFlight: number } | undefined;
  findings: Record<FindingKind, number>;
}

export function emptyReport({ withTables, oneInstance }: { withTables: boolean; oneInstance: boolean }): AuditReport {
  return {
    texts: 0,
    answered: 0,
    deadLettered: 0,
    deadLetterErrors: {},
    inFlight: 0,
    expired: 0,
    predictions: {},
    unreadablePredictions: 0,
    repeated: 0,
    repeatedRounded: 0,
    answeredAgain: 0,
    answeredByBoth: 0,
    oneInstance,
    olderAfterNewer: 0,
    lettersRepeated: 0,
    longestStaleness: 0,
    stored: withTables ? { predictions: 0, texts: 0, deadLetters: 0, inFlight: 0 } : undefined,
    findings: {
      missing: 0,
      doubled: 0,
      contradicting: 0,
      mislabelled: 0,
      'out-of-order': 0,
      'wrong-version': 0,
      misattributed: 0,
      'buried-wrongly': 0,
      'stored-wrongly': 0,
    },
  };
}
