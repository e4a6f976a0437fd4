import { describe, expect, it } from 'vitest';
import { scoreTexts, trainClassifier, type TrainedClassifier } from '#libs/classifier';
import { mailScript } from '../../apps/standalone/src/streams/mail.ts';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import type { Slice } from '../../apps/standalone/src/streams/stream-script.ts';
import { playThrough } from '../../apps/standalone/src/streams/testing/play-through.ts';

const hour = 3_600_000;
const beyond = 600_000;

interface Labelled {
  text: string;
  label: string;
  group: string;
  occurredAt: number;
  labelledAt: number;
}

/** Texts of a stream that are ever labelled, as the retraining service would join them. */
function labelled(slices: readonly Slice[]): Labelled[] {
  const labels = new Map(slices.flatMap((slice) => slice.labels).map((label) => [label.textId, label]));
  return slices.flatMap(({ texts }) =>
    texts.flatMap(({ id, text, attributes, occurredAt }) => {
      const given = labels.get(id);
      if (given === undefined) return [];
      return [{ text, label: given.label, group: attributes['group'] ?? id, occurredAt, labelledAt: given.labelledAt }];
    }),
  );
}

function train(examples: readonly { text: string; label: string; group: string }[]): TrainedClassifier {
  return trainClassifier({
    texts: examples.map(({ text }) => text),
    labels: examples.map(({ label }) => label),
    groups: examples.map(({ group }) => group),
    seed: 42,
  });
}

/** Share answered right, and mean confidence. */
function judge(classifier: TrainedClassifier, examples: readonly { text: string; label: string }[]) {
  let right = 0;
  let confidence = 0;
  for (const [index, probabilities] of scoreTexts(
    classifier,
    examples.map(({ text }) => text),
  ).entries()) {
    const best = Math.max(...probabilities);
    confidence += best;
    if (classifier.labels[probabilities.indexOf(best)] === examples[index]?.label) right++;
  }
  return { accuracy: right / examples.length, confidence: confidence / examples.length, texts: examples.length };
}

describe('the somali stream', () => {
  const script = somaliScript();
  const slices = playThrough(script, 9);
  const all = labelled(slices);
  const phase = (title: string) => {
    // A slice reaches ten minutes into the hour after its own.
    const hours = slices.filter((slice) => slice.title.includes(title)).map(({ until }) => until - hour - beyond);
    return all.filter(({ occurredAt }) => hours.some((from) => occurredAt >= from && occurredAt < from + hour));
  };

  it('fails on unseen dialects, and only there; labels of the drift mend it on unseen articles', () => {
    const first = train(script.trainingSet);
    const known = slices[9]?.until ?? 0;
    const second = train([...script.trainingSet, ...all.filter(({ labelledAt }) => labelledAt < known)]);
    const drift = judge(first, phase('that no version has seen'));
    const baseline = judge(first, phase('as in training'));
    expect(baseline.accuracy).toBeGreaterThan(0.97);
    expect(judge(first, phase('harmless')).accuracy).toBeGreaterThan(0.97);
    expect(drift.accuracy).toBeLessThan(0.65);
    expect(drift.confidence).toBeLessThan(baseline.confidence - 0.03);
    expect(judge(first, phase('nothing was trained on')).accuracy).toBeLessThan(0.65);
    expect(judge(second, phase('nothing was trained on')).accuracy).toBeGreaterThan(0.85);
  });
});

describe('the mail stream', () => {
  it('fails from 2002-09-26 on; labels known one day later mend it', async () => {
    const script = await mailScript();
    const all = labelled([...script.slices()]);
    const between = (from: number, to: number) => all.filter(({ occurredAt }) => occurredAt >= from && occurredAt < to);
    const first = train(script.trainingSet);
    const cutOff = Date.UTC(2002, 8, 28, 8);
    const second = train([...script.trainingSet, ...all.filter(({ labelledAt }) => labelledAt < cutOff)]);
    const after = between(cutOff, Date.UTC(2002, 10, 1));
    expect(judge(first, between(Date.UTC(2002, 6, 29), Date.UTC(2002, 8, 26))).accuracy).toBeGreaterThan(0.95);
    expect(judge(first, between(Date.UTC(2002, 8, 26, 11), Date.UTC(2002, 9, 1))).accuracy).toBeLessThan(0.9);
    expect(judge(first, after).accuracy).toBeLessThan(0.9);
    expect(judge(second, after).accuracy).toBeGreaterThan(0.97);
  });
});
