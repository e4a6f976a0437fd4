import { usageError } from './cli-error.ts';

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/i;

/** Epoch milliseconds of `--from 2026-01-31T09:30:00Z`. With its zone: without one it would be another time on each machine. */
export function parseTime(option: string, time: string): number {
  const at = rfc3339.test(time) ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(at)) throw usageError(`${option} ${time} is not a time with its zone, such as 2026-01-31T09:30:00Z`);
  return at;
}
