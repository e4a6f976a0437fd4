/** Why a record cannot be processed, whatever is tried. */
export type RejectCode =
  | 'empty-value'
  | 'unknown-magic'
  | 'truncated'
  | 'unknown-schema-id'
  | 'schema-mismatch'
  | 'invalid-json'
  | 'invalid-record'
  | 'unknown-model'
  | 'model-failed'
  | 'handler-failed';

export interface Reject {
  code: RejectCode;
  /** One sentence, naming the field where there is one. */
  reason: string;
}
