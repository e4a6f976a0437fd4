/** The trainer: a child process, because training keeps a core busy and must be stoppable at any moment. */
import { defaultMaximumCharacters, scoreTexts, trainClassifier, writeOnnx } from '#libs/classifier';
import { reasonOf } from '#libs/platform';
import type { TrainerMessage, TrainRequest } from './trainer-protocol.ts';

/** Texts that a host must answer as recorded; with one as long as the model takes and an empty one. */
const goldenTexts = 8;

const parent = process.ppid;

function say(message: TrainerMessage): void {
  process.send?.(message);
}

function train({ texts, labels, groups, seed }: TrainRequest): void {
  const classifier = trainClassifier({
    texts,
    labels,
    groups,
    seed,
    onProgress({ epoch, epochs, loss }) {
      // Training keeps the event loop busy, so that the end of the parent is not an event.
      if (process.ppid !== parent) process.exit(1);
      say({ kind: 'progress', share: epoch / epochs, detail: `pass ${epoch} of ${epochs}, loss ${loss.toFixed(3)}` });
    },
  });
  const step = Math.max(1, Math.floor(texts.length / goldenTexts));
  const golden = [
    ...texts.filter((_, i) => i % step === 0).slice(0, goldenTexts),
    'x'.repeat(defaultMaximumCharacters),
    '',
  ];
  const scores = scoreTexts(classifier, golden);
  say({
    kind: 'trained',
    onnx: writeOnnx(classifier),
    facts: {
      labels: classifier.labels,
      maximumCharacters: classifier.maximumCharacters,
      temperature: classifier.temperature,
      texts: classifier.training.texts,
      blank: classifier.training.blank,
      goldenTexts: golden.map((text, i) => ({ text, probabilities: [...(scores[i] ?? [])] })),
    },
  });
}

process.on('message', (request: TrainRequest) => {
  try {
    train(request);
  } catch (error) {
    say({ kind: 'refused', reason: reasonOf(error) });
  }
});
// Ctrl-C reaches the whole terminal group; the service decides when training ends.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
