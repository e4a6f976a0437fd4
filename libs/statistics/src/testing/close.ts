import { expect } from 'vitest';

/** Equal up to a relative error: tails of 1e-100 count as much as halves. */
export function expectClose(actual: number, expected: number, relative = 1e-10): void {
  const distance = Math.abs(actual - expected);
  expect(distance, `${actual} against ${expected}`).toBeLessThanOrEqual(
    relative * Math.max(Math.abs(expected), 1e-300),
  );
}
