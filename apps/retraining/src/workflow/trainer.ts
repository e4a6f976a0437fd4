/** The trainer: a child process, because training keeps a core busy and must be stoppable at any moment. */
import {
  scoreEmbedding,
  scoreTexts,
  trainClassifier,
  trainHead,
  type TrainingProgress,
  writeOnnx,
} from '#libs/classifier';
import { withHead } from '#libs/model';
import { defaultMaximumCharacters } from '#libs/normalisation';
import { reasonOf } from '#libs/platform';
import { goldenTextsOf } from './golden-texts.ts';
import type { TrainerMessage, TrainRequest } from './trainer-protocol.ts';

const parent = process.ppid;

function say(message: TrainerMessage): void {
  process.send?.(message);
}

const onProgress = ({ epoch, epochs, loss }: TrainingProgress) => {
  // Training keeps the event loop busy, so that the end of the parent is not an event.
  if (process.ppid !== parent) process.exit(1);
  say({ kind: 'progress', share: epoch / epochs, detail: `pass ${epoch} of ${epochs}, loss ${loss.toFixed(3)}` });
};

function trainNgrams({ texts, labels, groups, seed }: TrainRequest): void {
  const classifier = trainClassifier({ texts, labels, groups, seed, onProgress });
  const golden = goldenTextsOf(texts, 'x'.repeat(defaultMaximumCharacters));
  const scores = scoreTexts(classifier, golden);
  say({
    kind: 'trained',
    onnx: writeOnnx(classifier),
    facts: {
      labels: classifier.labels,
      input: { kind: 'utf16', maximumCharacters: classifier.maximumCharacters },
      output: 'probabilities',
      temperature: classifier.temperature,
      texts: classifier.training.texts,
      blank: classifier.training.blank,
      goldenTexts: golden.map((text, i) => ({ text, probabilities: [...(scores[i] ?? [])] })),
    },
  });
}

function trainOnEmbeddings(
  { texts, labels, groups, seed }: TrainRequest,
  { pooled, input, embeddings, dimension, goldenTexts }: NonNullable<TrainRequest['embedded']>,
): void {
  const head = trainHead({ texts, labels, groups, seed, embeddings, dimension, onProgress });
  const golden = goldenTexts.map((text, i) => {
    const from = (texts.length + i) * dimension;
    return { text, probabilities: [...scoreEmbedding(head, embeddings.subarray(from, from + dimension))] };
  });
  const { labels: classes, temperature, training } = head;
  say({
    kind: 'trained',
    onnx: withHead(pooled, head),
    facts: { labels: classes, input, output: 'logits', temperature, ...training, goldenTexts: golden },
  });
}

function train(request: TrainRequest): void {
  if (request.embedded === undefined) trainNgrams(request);
  else trainOnEmbeddings(request, request.embedded);
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
