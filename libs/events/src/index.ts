export { topics } from './generated.ts';
export type {
  ClassPerformance,
  DriftReport,
  DriftStatistic,
  FirstOffset,
  Interval,
  Label,
  ModelVersion,
  Movement,
  PerformanceReport,
  Prediction,
  RegistryEvent,
  RetrainingRequest,
  ServingStatus,
  Text,
  TopicRecords,
  TriggerDecision,
} from './generated.ts';
export { deadLetterTopic, modelNamePattern, versionName } from './names.ts';
export type { RecordOf, TopicDefinition, TopicName } from './names.ts';
