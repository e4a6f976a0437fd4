import { expect, it } from 'vitest';
import { syntheticTexts } from '../scripts/synthetic-texts.ts';
import { buildReference } from './drift-comparison.ts';
import { seededRandom } from './random.ts';

const shares = { a: 60, b: 25, c: 15 };
const options = { windowSize: 100, seed: 1 };

it('finds windows of independent texts about as wide as chance, and of threads wider', () => {
  const independent = buildReference(syntheticTexts({ shares }, 1000, seededRandom(1)), options).dispersion;
  const threads = buildReference(syntheticTexts({ shares, threadLength: 20 }, 1000, seededRandom(1)), options);
  for (const factor of Object.values(independent)) {
    expect(factor).toBeGreaterThanOrEqual(1);
    expect(factor).toBeLessThan(1.7);
  }
  expect(threads.dispersion.wordOutOfVocabularyShare).toBeGreaterThan(1.7);
});
