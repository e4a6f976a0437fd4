/** Every way a training set can be refused, with what to do about it. */
const messages = {
  SEED_INVALID: (detail: string) => `the seed must be an integer from 0 to 4294967295, not ${detail}`,
  OPTION_INVALID: (detail: string) => `option ${detail}`,
  LENGTHS_DIFFER: (detail: string) => `texts, labels and groups must be of one length: ${detail}`,
  LABEL_EMPTY: (detail: string) => `${detail} has an empty label: leave it out or name its label`,
  TOO_FEW_LABELS: (detail: string) =>
    `a classifier needs at least 2 labels with a text that is not blank, found ${detail}`,
  TOO_MANY_LABELS: (detail: string) => `at most 1000 labels can be trained, found ${detail}`,
} satisfies Record<string, (detail: string) => string>;

export type ClassifierErrorCode = keyof typeof messages;

/** Thrown by this lib for input it refuses; never retriable, because the same input is refused again. */
export class ClassifierError extends Error {
  override readonly name = 'ClassifierError';
  readonly code: ClassifierErrorCode;
  readonly retriable = false;

  constructor(code: ClassifierErrorCode, detail: string) {
    super(messages[code](detail));
    this.code = code;
  }
}
