export type { Calibration, TrainedClassifier, TrainingProgress } from './classifier.ts';
export { ClassifierError, type ClassifierErrorCode } from './errors.ts';
export { writeOnnx } from './graph.ts';
export { type Scorer, scoreTexts } from './score.ts';
export { trainClassifier, type TrainingInput, type TrainingOptions } from './train.ts';
export { type Head, scoreEmbedding, trainHead } from './train-head.ts';
