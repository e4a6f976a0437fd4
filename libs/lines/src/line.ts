/** One line of a file: what it says, or why it cannot be read. Numbered from 1, as editors do. */
export type Line =
  | { ok: true; line: number; value: Record<string, unknown> }
  | { ok: false; line: number; reason: string };

export type LineFormat = 'jsonl' | 'csv';

export interface LineOptions {
  /** Longest line (JSONL) or record (CSV), in bytes; longer ones are reported and skipped. */
  maximumBytes: number;
}
