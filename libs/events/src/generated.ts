// Generated from schemas/ by `npm run generate`; do not edit.

/** One statistic of a window against the reference window, with its calibrated null. */
export interface DriftStatistic {
  /** Name of the statistic. */
  name: string;
  /** Its value for this window. */
  value: number;
  /** Mean of the statistic over held-out reference windows of the same size. */
  nullMean: number;
  /** Standard deviation over the same windows. */
  nullStandardDeviation: number;
  /** (value - nullMean) / nullStandardDeviation, signed so that positive is worse. */
  zScore: number;
  /** Monte Carlo p-value, (1 + held-out windows at least as extreme) / (1 + held-out windows). */
  pValue: number;
  /** True when the statistic is shown for information and never raises the verdict. */
  informative: boolean;
}

/** A term whose rate moved between the reference and the window. */
export interface Movement {
  /** The word, character or n-gram. */
  term: string;
  /** word, character or ngram. */
  kind: string;
  /** Share of reference texts that contain it. */
  referenceRate: number;
  /** Share of window texts that contain it. */
  windowRate: number;
  /** Reference texts that contain it. */
  referenceTexts: number;
  /** Window texts that contain it. */
  windowTexts: number;
  /** Two-proportion test, adjusted over all candidate terms (Benjamini-Hochberg). */
  pValue: number;
}

/** One window of texts compared with the reference window. */
export interface DriftReport {
  /** model:windowStart:windowEnd. */
  id: string;
  /** Model name. */
  model: string;
  /** Version that answered most of the window. */
  version: number;
  /** Its serving epoch. */
  epoch: number;
  /** First instant of the window (event time, inclusive). Epoch milliseconds. */
  windowStart: number;
  /** Last instant of the window (exclusive). Epoch milliseconds. */
  windowEnd: number;
  /** 0 for the first statement; rises when late events restate the window. */
  revision: number;
  /** Texts in the window. */
  texts: number;
  /** Texts in the reference window; 0 while it is being collected. */
  referenceTexts: number;
  /** collecting, stable, warning or drift. */
  verdict: string;
  /** The verdict in a sentence. */
  reason: string;
  /** Every statistic with its null. */
  statistics: DriftStatistic[];
  /** The words, characters and n-grams that moved most: the drift card. */
  movements: Movement[];
  /** Predicted class to share of the window. */
  predictedShares: Record<string, number>;
  /** Mean calibrated confidence: the accuracy to expect without labels. */
  expectedAccuracy: number;
  /** When this statement was made. Epoch milliseconds. */
  createdAt: number;
}

/** What a labeller says a text is. */
export interface Label {
  /** Id of the labelled text; also the record key. */
  textId: string;
  /** Which classifier the label is for. */
  model: string;
  /** The class. */
  label: string;
  /** Who labelled. */
  labeller: string;
  /** Kind of labeller: human, user or model. */
  source: string;
  /** When the label was given; of several labels for one text the latest counts. Epoch milliseconds. */
  labelledAt: number;
  /** The labeller's own confidence, 0 to 1. */
  confidence: null | number;
}

/** A version that is tried beside the champion. */
export interface Challenger {
  /** Its version. */
  version: number;
  /** sha256 of its bundle. */
  bundleDigest: string;
  /** shadow or canary. */
  role: string;
  /** Share of the texts a canary answers, by hash of their ids; 0 for a shadow. */
  share: number;
}

/** Which versions of a model answer from now on: all of it, not what changed. */
export interface ModelVersion {
  /** Model name; also the record key. */
  model: string;
  /** The version that serves, the champion. */
  version: number;
  /** Serving epoch: rises whenever another version becomes the champion. */
  epoch: number;
  /** sha256 of its bundle. */
  bundleDigest: string;
  /** What was decided: promote or rollback; of challengers shadow, canary or withdraw. */
  action: string;
  /** Why, in a sentence. */
  reason: string;
  /** Who or which policy. */
  promotedBy: string;
  /** When. Epoch milliseconds. */
  at: number;
  /** Ed25519 signature over the other fields, base64. */
  signature: null | string;
  /** Rises with every event of the model: of two with the same epoch the higher one counts. */
  revision: number;
  /** Versions that are tried beside the champion. */
  challengers: Challenger[];
}

/** A figure with a 95 % interval. */
export interface Interval {
  /** The figure. */
  value: number;
  /** Lower bound. */
  lower: number;
  /** Upper bound. */
  upper: number;
}

/** Figures of one class. */
export interface ClassPerformance {
  /** The class. */
  label: string;
  /** Labelled texts of this class. */
  support: number;
  /** Wilson interval. */
  precision: Interval;
  /** Wilson interval. */
  recall: Interval;
  /** Harmonic mean of precision and recall. */
  f1: number;
}

/** Predictions of one window compared with their labels. */
export interface PerformanceReport {
  /** model:scope:windowStart:windowEnd. */
  id: string;
  /** Model name. */
  model: string;
  /** Version that answered. */
  version: number;
  /** Its serving epoch. */
  epoch: number;
  /** window: the texts of one event-time window. rolling: the last labelled texts. */
  scope: string;
  /** First instant (event time, inclusive). Epoch milliseconds. */
  windowStart: number;
  /** Last instant (exclusive). Epoch milliseconds. */
  windowEnd: number;
  /** 0 for the first statement; rises when late labels restate it. */
  revision: number;
  /** Texts in the scope. */
  texts: number;
  /** Of them labelled. */
  labelled: number;
  /** labelled / texts. */
  labelCoverage: number;
  /** Share of labelled texts predicted right; Wilson interval. */
  accuracy: Interval;
  /** Unweighted mean F1 over the classes that occur; bootstrap interval. */
  macroF1: Interval;
  /** Mean calibrated confidence over all texts of the scope. */
  expectedAccuracy: number;
  /** Per-class figures. */
  classes: ClassPerformance[];
  /** When this statement was made. Epoch milliseconds. */
  createdAt: number;
}

/** What one model version answered for one text. */
export interface Prediction {
  /** Id of the text; also the record key. */
  textId: string;
  /** Model name. */
  model: string;
  /** Model version that answered. */
  version: number;
  /** Serving epoch that answered; rises with every promotion and rollback. */
  epoch: number;
  /** sha256 of the model bundle that answered. */
  bundleDigest: string;
  /** The most probable class. */
  label: string;
  /** Probability of `label`. */
  confidence: number;
  /** Class to probability; sums to 1. */
  probabilities: Record<string, number>;
  /** champion, shadow or canary. */
  role: string;
  /** Topic the text was read from. */
  inputTopic: string;
  /** Its partition. */
  inputPartition: number;
  /** Its offset. */
  inputOffset: number;
  /** Event time of the text. Epoch milliseconds. */
  occurredAt: number;
  /** When the model host answered. Epoch milliseconds. */
  inferredAt: number;
  /** ONNX Runtime execution provider that ran the model. */
  device: string;
  /** True when the text was longer than the model takes and was cut. */
  truncated: boolean;
  /** Time the text waited for its batch. */
  queueMilliseconds: number;
  /** Time its batch spent in the model host. */
  inferenceMilliseconds: number;
}

/** Everything the registry decided; replaying the topic gives its state. */
export interface RegistryEvent {
  /** Event id; a repeated id is applied once. */
  id: string;
  /** run-started, run-finished, run-failed, version-registered, stage-changed, promoted, refused, rolled-back, challenger-set, challenger-withdrawn, alias-set, dataset-added. */
  kind: string;
  /** Model name; also the record key. */
  model: string;
  /** Version concerned. */
  version: null | number;
  /** Run concerned. */
  runId: null | string;
  /** none, staging, production or archived, after the event. */
  stage: null | string;
  /** Serving epoch, for promoted and rolled-back. */
  epoch: null | number;
  /** sha256 of the version's bundle. */
  bundleDigest: null | string;
  /** For alias-set. */
  alias: null | string;
  /** The retraining request that led here. */
  requestId: null | string;
  /** Run parameters; of challenger-set its role (shadow or canary). */
  parameters: Record<string, string>;
  /** Run or version metrics; of challenger-set its share. */
  metrics: Record<string, number>;
  /** Artifact name to sha256 in the artifact store. */
  artifacts: Record<string, string>;
  /** Code commit, configuration, data snapshot, seeds, packages and trainer, as a JSON object; empty: none. */
  lineage: string;
  /** Who or which policy. */
  by: string;
  /** Why, in a sentence. */
  reason: string;
  /** When. Epoch milliseconds. */
  at: number;
}

/** Somebody or some policy wants a new version. */
export interface RetrainingRequest {
  /** Idempotency key; a repeated id is the same request. */
  id: string;
  /** Model name. */
  model: string;
  /** Why, in a sentence. */
  reason: string;
  /** manual, schedule, accuracy, new-labels, drift or create. */
  policy: string;
  /** The figures behind the reason, as a JSON object; empty: none. */
  evidence: string;
  /** Who asked. */
  requestedBy: string;
  /** When. Epoch milliseconds. */
  requestedAt: number;
  /** Event time up to which labels may be used; 0: all that have arrived. Epoch milliseconds. */
  labelCutOff: number;
  /** Digest of an uploaded labelled data set to train on besides the labelled texts. */
  dataset: null | string;
  /** Frozen encoder to train a head on; null: that of the version that serves, else character n-grams. */
  encoder: null | string;
}

/** Where a version's first prediction of a partition came from. */
export interface FirstOffset {
  /** Partition of topic texts. */
  partition: number;
  /** Offset of the first text it answered. */
  offset: number;
}

/** How far one inference instance is with one model version event. */
export interface ServingStatus {
  /** Inference instance; the record key is instance/model. */
  instance: string;
  /** Model name. */
  model: string;
  /** Version. */
  version: number;
  /** Serving epoch. */
  epoch: number;
  /** sha256 of the bundle. */
  bundleDigest: string;
  /** requested, fetched, verified, warm, serving, failed, superseded or stale. */
  state: string;
  /** For serving: the first offset answered per partition, as they become known. */
  firstOffsets: FirstOffset[];
  /** Execution provider. */
  device: string;
  /** For failed, superseded and stale: why. The version before keeps serving, except when stale. */
  error: null | string;
  /** When. Epoch milliseconds. */
  at: number;
}

/** One text to be classified. */
export interface Text {
  /** Text id; also the record key. A repeated id replaces the earlier text. */
  id: string;
  /** Which classifier the text is for. */
  model: string;
  /** The text itself, any language, at most 1 MiB as UTF-8. */
  text: string;
  /** When the text came into being (event time). Epoch milliseconds. */
  occurredAt: number;
  /** Where the text comes from. */
  source: string;
  /** Free attributes. `group` names texts that belong together and must not be split between training and evaluation. */
  attributes: Record<string, string>;
}

/** One evaluation of one trigger policy: fired, or why not. */
export interface TriggerDecision {
  /** model:policy:evidence id. */
  id: string;
  /** Model name. */
  model: string;
  /** schedule, accuracy, new-labels, drift, manual, rollback or canary. */
  policy: string;
  /** fired, held (met, but something forbids it now) or not-met. */
  outcome: string;
  /** Why, in a sentence. */
  reason: string;
  /** The figures looked at, as a JSON object. */
  evidence: string;
  /** Event time of the evidence. Epoch milliseconds. */
  occurredAt: number;
  /** When the decision was taken. Epoch milliseconds. */
  decidedAt: number;
  /** The retraining request that was emitted. */
  requestId: null | string;
}

/** Topic name to the record it carries. */
export interface TopicRecords {
  'drift-reports': DriftReport;
  'labels': Label;
  'model-versions': ModelVersion;
  'performance-reports': PerformanceReport;
  'predictions': Prediction;
  'registry-events': RegistryEvent;
  'retraining-requests': RetrainingRequest;
  'serving-status': ServingStatus;
  'texts': Text;
  'trigger-decisions': TriggerDecision;
}

/** Every topic as schemas/topics declares it. */
export const topics = {
'drift-reports': {
  "topic": "drift-reports",
  "record": "DriftReport",
  "description": "One window of texts compared with the reference window.",
  "key": "model",
  "partitions": 1,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": 31536000000,
  "compatibility": "BACKWARD",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"DriftReport\",\"namespace\":\"io.tidemill\",\"doc\":\"One window of texts compared with the reference window.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"model:windowStart:windowEnd.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name.\"},{\"name\":\"version\",\"type\":\"int\",\"doc\":\"Version that answered most of the window.\"},{\"name\":\"epoch\",\"type\":\"long\",\"doc\":\"Its serving epoch.\"},{\"name\":\"windowStart\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"First instant of the window (event time, inclusive).\"},{\"name\":\"windowEnd\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Last instant of the window (exclusive).\"},{\"name\":\"revision\",\"type\":\"int\",\"doc\":\"0 for the first statement; rises when late events restate the window.\"},{\"name\":\"texts\",\"type\":\"int\",\"doc\":\"Texts in the window.\"},{\"name\":\"referenceTexts\",\"type\":\"int\",\"doc\":\"Texts in the reference window; 0 while it is being collected.\"},{\"name\":\"verdict\",\"type\":\"string\",\"doc\":\"collecting, stable, warning or drift.\"},{\"name\":\"reason\",\"type\":\"string\",\"doc\":\"The verdict in a sentence.\"},{\"name\":\"statistics\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"DriftStatistic\",\"doc\":\"One statistic of a window against the reference window, with its calibrated null.\",\"fields\":[{\"name\":\"name\",\"type\":\"string\",\"doc\":\"Name of the statistic.\"},{\"name\":\"value\",\"type\":\"double\",\"doc\":\"Its value for this window.\"},{\"name\":\"nullMean\",\"type\":\"double\",\"doc\":\"Mean of the statistic over held-out reference windows of the same size.\"},{\"name\":\"nullStandardDeviation\",\"type\":\"double\",\"doc\":\"Standard deviation over the same windows.\"},{\"name\":\"zScore\",\"type\":\"double\",\"doc\":\"(value - nullMean) / nullStandardDeviation, signed so that positive is worse.\"},{\"name\":\"pValue\",\"type\":\"double\",\"doc\":\"Monte Carlo p-value, (1 + held-out windows at least as extreme) / (1 + held-out windows).\"},{\"name\":\"informative\",\"type\":\"boolean\",\"doc\":\"True when the statistic is shown for information and never raises the verdict.\"}]}},\"doc\":\"Every statistic with its null.\"},{\"name\":\"movements\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Movement\",\"doc\":\"A term whose rate moved between the reference and the window.\",\"fields\":[{\"name\":\"term\",\"type\":\"string\",\"doc\":\"The word, character or n-gram.\"},{\"name\":\"kind\",\"type\":\"string\",\"doc\":\"word, character or ngram.\"},{\"name\":\"referenceRate\",\"type\":\"double\",\"doc\":\"Share of reference texts that contain it.\"},{\"name\":\"windowRate\",\"type\":\"double\",\"doc\":\"Share of window texts that contain it.\"},{\"name\":\"referenceTexts\",\"type\":\"long\",\"doc\":\"Reference texts that contain it.\"},{\"name\":\"windowTexts\",\"type\":\"long\",\"doc\":\"Window texts that contain it.\"},{\"name\":\"pValue\",\"type\":\"double\",\"doc\":\"Two-proportion test, adjusted over all candidate terms (Benjamini-Hochberg).\"}]}},\"doc\":\"The words, characters and n-grams that moved most: the drift card.\"},{\"name\":\"predictedShares\",\"type\":{\"type\":\"map\",\"values\":\"double\"},\"doc\":\"Predicted class to share of the window.\"},{\"name\":\"expectedAccuracy\",\"type\":\"double\",\"doc\":\"Mean calibrated confidence: the accuracy to expect without labels.\"},{\"name\":\"createdAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When this statement was made.\"}]}"
},
'labels': {
  "topic": "labels",
  "record": "Label",
  "description": "What labellers say texts are: early, late, repeated or contradicting.",
  "key": "text id",
  "partitions": 4,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": 31536000000,
  "compatibility": "BACKWARD",
  "deadLetter": true,
  "schema": "{\"type\":\"record\",\"name\":\"Label\",\"namespace\":\"io.tidemill\",\"doc\":\"What a labeller says a text is.\",\"fields\":[{\"name\":\"textId\",\"type\":\"string\",\"doc\":\"Id of the labelled text; also the record key.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Which classifier the label is for.\"},{\"name\":\"label\",\"type\":\"string\",\"doc\":\"The class.\"},{\"name\":\"labeller\",\"type\":\"string\",\"doc\":\"Who labelled.\",\"default\":\"\"},{\"name\":\"source\",\"type\":\"string\",\"doc\":\"Kind of labeller: human, user or model.\",\"default\":\"human\"},{\"name\":\"labelledAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When the label was given; of several labels for one text the latest counts.\"},{\"name\":\"confidence\",\"type\":[\"null\",\"double\"],\"doc\":\"The labeller's own confidence, 0 to 1.\",\"default\":null}]}"
},
'model-versions': {
  "topic": "model-versions",
  "record": "ModelVersion",
  "description": "Which version of each model serves from now on.",
  "key": "model",
  "partitions": 1,
  "cleanupPolicy": "compact",
  "retentionMilliseconds": -1,
  "compatibility": "FULL_TRANSITIVE",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"ModelVersion\",\"namespace\":\"io.tidemill\",\"doc\":\"Which versions of a model answer from now on: all of it, not what changed.\",\"fields\":[{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name; also the record key.\"},{\"name\":\"version\",\"type\":\"int\",\"doc\":\"The version that serves, the champion.\"},{\"name\":\"epoch\",\"type\":\"long\",\"doc\":\"Serving epoch: rises whenever another version becomes the champion.\"},{\"name\":\"bundleDigest\",\"type\":\"string\",\"doc\":\"sha256 of its bundle.\"},{\"name\":\"action\",\"type\":\"string\",\"doc\":\"What was decided: promote or rollback; of challengers shadow, canary or withdraw.\"},{\"name\":\"reason\",\"type\":\"string\",\"doc\":\"Why, in a sentence.\"},{\"name\":\"promotedBy\",\"type\":\"string\",\"doc\":\"Who or which policy.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When.\"},{\"name\":\"signature\",\"type\":[\"null\",\"string\"],\"doc\":\"Ed25519 signature over the other fields, base64.\",\"default\":null},{\"name\":\"revision\",\"type\":\"long\",\"doc\":\"Rises with every event of the model: of two with the same epoch the higher one counts.\",\"default\":0},{\"name\":\"challengers\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Challenger\",\"doc\":\"A version that is tried beside the champion.\",\"fields\":[{\"name\":\"version\",\"type\":\"int\",\"doc\":\"Its version.\"},{\"name\":\"bundleDigest\",\"type\":\"string\",\"doc\":\"sha256 of its bundle.\"},{\"name\":\"role\",\"type\":\"string\",\"doc\":\"shadow or canary.\"},{\"name\":\"share\",\"type\":\"double\",\"doc\":\"Share of the texts a canary answers, by hash of their ids; 0 for a shadow.\"}]}},\"doc\":\"Versions that are tried beside the champion.\",\"default\":[]}]}"
},
'performance-reports': {
  "topic": "performance-reports",
  "record": "PerformanceReport",
  "description": "Predictions compared with labels.",
  "key": "model",
  "partitions": 1,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": 31536000000,
  "compatibility": "BACKWARD",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"PerformanceReport\",\"namespace\":\"io.tidemill\",\"doc\":\"Predictions of one window compared with their labels.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"model:scope:windowStart:windowEnd.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name.\"},{\"name\":\"version\",\"type\":\"int\",\"doc\":\"Version that answered.\"},{\"name\":\"epoch\",\"type\":\"long\",\"doc\":\"Its serving epoch.\"},{\"name\":\"scope\",\"type\":\"string\",\"doc\":\"window: the texts of one event-time window. rolling: the last labelled texts.\"},{\"name\":\"windowStart\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"First instant (event time, inclusive).\"},{\"name\":\"windowEnd\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Last instant (exclusive).\"},{\"name\":\"revision\",\"type\":\"int\",\"doc\":\"0 for the first statement; rises when late labels restate it.\"},{\"name\":\"texts\",\"type\":\"int\",\"doc\":\"Texts in the scope.\"},{\"name\":\"labelled\",\"type\":\"int\",\"doc\":\"Of them labelled.\"},{\"name\":\"labelCoverage\",\"type\":\"double\",\"doc\":\"labelled / texts.\"},{\"name\":\"accuracy\",\"type\":{\"type\":\"record\",\"name\":\"Interval\",\"doc\":\"A figure with a 95 % interval.\",\"fields\":[{\"name\":\"value\",\"type\":\"double\",\"doc\":\"The figure.\"},{\"name\":\"lower\",\"type\":\"double\",\"doc\":\"Lower bound.\"},{\"name\":\"upper\",\"type\":\"double\",\"doc\":\"Upper bound.\"}]},\"doc\":\"Share of labelled texts predicted right; Wilson interval.\"},{\"name\":\"macroF1\",\"type\":\"Interval\",\"doc\":\"Unweighted mean F1 over the classes that occur; bootstrap interval.\"},{\"name\":\"expectedAccuracy\",\"type\":\"double\",\"doc\":\"Mean calibrated confidence over all texts of the scope.\"},{\"name\":\"classes\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"ClassPerformance\",\"doc\":\"Figures of one class.\",\"fields\":[{\"name\":\"label\",\"type\":\"string\",\"doc\":\"The class.\"},{\"name\":\"support\",\"type\":\"int\",\"doc\":\"Labelled texts of this class.\"},{\"name\":\"precision\",\"type\":\"Interval\",\"doc\":\"Wilson interval.\"},{\"name\":\"recall\",\"type\":\"Interval\",\"doc\":\"Wilson interval.\"},{\"name\":\"f1\",\"type\":\"double\",\"doc\":\"Harmonic mean of precision and recall.\"}]}},\"doc\":\"Per-class figures.\"},{\"name\":\"createdAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When this statement was made.\"}]}"
},
'predictions': {
  "topic": "predictions",
  "record": "Prediction",
  "description": "What a model version answered for a text.",
  "key": "text id",
  "partitions": 4,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": 2592000000,
  "compatibility": "BACKWARD",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"Prediction\",\"namespace\":\"io.tidemill\",\"doc\":\"What one model version answered for one text.\",\"fields\":[{\"name\":\"textId\",\"type\":\"string\",\"doc\":\"Id of the text; also the record key.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name.\"},{\"name\":\"version\",\"type\":\"int\",\"doc\":\"Model version that answered.\"},{\"name\":\"epoch\",\"type\":\"long\",\"doc\":\"Serving epoch that answered; rises with every promotion and rollback.\"},{\"name\":\"bundleDigest\",\"type\":\"string\",\"doc\":\"sha256 of the model bundle that answered.\"},{\"name\":\"label\",\"type\":\"string\",\"doc\":\"The most probable class.\"},{\"name\":\"confidence\",\"type\":\"float\",\"doc\":\"Probability of `label`.\"},{\"name\":\"probabilities\",\"type\":{\"type\":\"map\",\"values\":\"float\"},\"doc\":\"Class to probability; sums to 1.\"},{\"name\":\"role\",\"type\":\"string\",\"doc\":\"champion, shadow or canary.\",\"default\":\"champion\"},{\"name\":\"inputTopic\",\"type\":\"string\",\"doc\":\"Topic the text was read from.\"},{\"name\":\"inputPartition\",\"type\":\"int\",\"doc\":\"Its partition.\"},{\"name\":\"inputOffset\",\"type\":\"long\",\"doc\":\"Its offset.\"},{\"name\":\"occurredAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Event time of the text.\"},{\"name\":\"inferredAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When the model host answered.\"},{\"name\":\"device\",\"type\":\"string\",\"doc\":\"ONNX Runtime execution provider that ran the model.\"},{\"name\":\"truncated\",\"type\":\"boolean\",\"doc\":\"True when the text was longer than the model takes and was cut.\",\"default\":false},{\"name\":\"queueMilliseconds\",\"type\":\"float\",\"doc\":\"Time the text waited for its batch.\",\"default\":0},{\"name\":\"inferenceMilliseconds\",\"type\":\"float\",\"doc\":\"Time its batch spent in the model host.\",\"default\":0}]}"
},
'registry-events': {
  "topic": "registry-events",
  "record": "RegistryEvent",
  "description": "The registry's log; replaying it gives the registry's state.",
  "key": "model",
  "partitions": 1,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": -1,
  "compatibility": "BACKWARD",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"RegistryEvent\",\"namespace\":\"io.tidemill\",\"doc\":\"Everything the registry decided; replaying the topic gives its state.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"Event id; a repeated id is applied once.\"},{\"name\":\"kind\",\"type\":\"string\",\"doc\":\"run-started, run-finished, run-failed, version-registered, stage-changed, promoted, refused, rolled-back, challenger-set, challenger-withdrawn, alias-set, dataset-added.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name; also the record key.\"},{\"name\":\"version\",\"type\":[\"null\",\"int\"],\"doc\":\"Version concerned.\",\"default\":null},{\"name\":\"runId\",\"type\":[\"null\",\"string\"],\"doc\":\"Run concerned.\",\"default\":null},{\"name\":\"stage\",\"type\":[\"null\",\"string\"],\"doc\":\"none, staging, production or archived, after the event.\",\"default\":null},{\"name\":\"epoch\",\"type\":[\"null\",\"long\"],\"doc\":\"Serving epoch, for promoted and rolled-back.\",\"default\":null},{\"name\":\"bundleDigest\",\"type\":[\"null\",\"string\"],\"doc\":\"sha256 of the version's bundle.\",\"default\":null},{\"name\":\"alias\",\"type\":[\"null\",\"string\"],\"doc\":\"For alias-set.\",\"default\":null},{\"name\":\"requestId\",\"type\":[\"null\",\"string\"],\"doc\":\"The retraining request that led here.\",\"default\":null},{\"name\":\"parameters\",\"type\":{\"type\":\"map\",\"values\":\"string\"},\"doc\":\"Run parameters; of challenger-set its role (shadow or canary).\",\"default\":{}},{\"name\":\"metrics\",\"type\":{\"type\":\"map\",\"values\":\"double\"},\"doc\":\"Run or version metrics; of challenger-set its share.\",\"default\":{}},{\"name\":\"artifacts\",\"type\":{\"type\":\"map\",\"values\":\"string\"},\"doc\":\"Artifact name to sha256 in the artifact store.\",\"default\":{}},{\"name\":\"lineage\",\"type\":\"string\",\"doc\":\"Code commit, configuration, data snapshot, seeds, packages and trainer, as a JSON object; empty: none.\",\"default\":\"\"},{\"name\":\"by\",\"type\":\"string\",\"doc\":\"Who or which policy.\"},{\"name\":\"reason\",\"type\":\"string\",\"doc\":\"Why, in a sentence.\",\"default\":\"\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When.\"}]}"
},
'retraining-requests': {
  "topic": "retraining-requests",
  "record": "RetrainingRequest",
  "description": "Requests for a new version.",
  "key": "model",
  "partitions": 1,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": 31536000000,
  "compatibility": "BACKWARD",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"RetrainingRequest\",\"namespace\":\"io.tidemill\",\"doc\":\"Somebody or some policy wants a new version.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"Idempotency key; a repeated id is the same request.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name.\"},{\"name\":\"reason\",\"type\":\"string\",\"doc\":\"Why, in a sentence.\"},{\"name\":\"policy\",\"type\":\"string\",\"doc\":\"manual, schedule, accuracy, new-labels, drift or create.\"},{\"name\":\"evidence\",\"type\":\"string\",\"doc\":\"The figures behind the reason, as a JSON object; empty: none.\",\"default\":\"\"},{\"name\":\"requestedBy\",\"type\":\"string\",\"doc\":\"Who asked.\"},{\"name\":\"requestedAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When.\"},{\"name\":\"labelCutOff\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Event time up to which labels may be used; 0: all that have arrived.\",\"default\":0},{\"name\":\"dataset\",\"type\":[\"null\",\"string\"],\"doc\":\"Digest of an uploaded labelled data set to train on besides the labelled texts.\",\"default\":null},{\"name\":\"encoder\",\"type\":[\"null\",\"string\"],\"doc\":\"Frozen encoder to train a head on; null: that of the version that serves, else character n-grams.\",\"default\":null}]}"
},
'serving-status': {
  "topic": "serving-status",
  "record": "ServingStatus",
  "description": "How far each inference instance is with each version event.",
  "key": "instance/model",
  "partitions": 1,
  "cleanupPolicy": "compact",
  "retentionMilliseconds": -1,
  "compatibility": "BACKWARD",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"ServingStatus\",\"namespace\":\"io.tidemill\",\"doc\":\"How far one inference instance is with one model version event.\",\"fields\":[{\"name\":\"instance\",\"type\":\"string\",\"doc\":\"Inference instance; the record key is instance/model.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name.\"},{\"name\":\"version\",\"type\":\"int\",\"doc\":\"Version.\"},{\"name\":\"epoch\",\"type\":\"long\",\"doc\":\"Serving epoch.\"},{\"name\":\"bundleDigest\",\"type\":\"string\",\"doc\":\"sha256 of the bundle.\"},{\"name\":\"state\",\"type\":\"string\",\"doc\":\"requested, fetched, verified, warm, serving, failed, superseded or stale.\"},{\"name\":\"firstOffsets\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"FirstOffset\",\"doc\":\"Where a version's first prediction of a partition came from.\",\"fields\":[{\"name\":\"partition\",\"type\":\"int\",\"doc\":\"Partition of topic texts.\"},{\"name\":\"offset\",\"type\":\"long\",\"doc\":\"Offset of the first text it answered.\"}]}},\"doc\":\"For serving: the first offset answered per partition, as they become known.\"},{\"name\":\"device\",\"type\":\"string\",\"doc\":\"Execution provider.\",\"default\":\"\"},{\"name\":\"error\",\"type\":[\"null\",\"string\"],\"doc\":\"For failed, superseded and stale: why. The version before keeps serving, except when stale.\",\"default\":null},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When.\"}]}"
},
'texts': {
  "topic": "texts",
  "record": "Text",
  "description": "Texts to be classified.",
  "key": "text id",
  "partitions": 4,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": 2592000000,
  "compatibility": "BACKWARD",
  "deadLetter": true,
  "schema": "{\"type\":\"record\",\"name\":\"Text\",\"namespace\":\"io.tidemill\",\"doc\":\"One text to be classified.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"Text id; also the record key. A repeated id replaces the earlier text.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Which classifier the text is for.\"},{\"name\":\"text\",\"type\":\"string\",\"doc\":\"The text itself, any language, at most 1 MiB as UTF-8.\"},{\"name\":\"occurredAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When the text came into being (event time).\"},{\"name\":\"source\",\"type\":\"string\",\"doc\":\"Where the text comes from.\",\"default\":\"\"},{\"name\":\"attributes\",\"type\":{\"type\":\"map\",\"values\":\"string\"},\"doc\":\"Free attributes. `group` names texts that belong together and must not be split between training and evaluation.\",\"default\":{}}]}"
},
'trigger-decisions': {
  "topic": "trigger-decisions",
  "record": "TriggerDecision",
  "description": "Every decision of every trigger policy, and why.",
  "key": "model",
  "partitions": 1,
  "cleanupPolicy": "delete",
  "retentionMilliseconds": 31536000000,
  "compatibility": "BACKWARD",
  "deadLetter": false,
  "schema": "{\"type\":\"record\",\"name\":\"TriggerDecision\",\"namespace\":\"io.tidemill\",\"doc\":\"One evaluation of one trigger policy: fired, or why not.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"model:policy:evidence id.\"},{\"name\":\"model\",\"type\":\"string\",\"doc\":\"Model name.\"},{\"name\":\"policy\",\"type\":\"string\",\"doc\":\"schedule, accuracy, new-labels, drift, manual, rollback or canary.\"},{\"name\":\"outcome\",\"type\":\"string\",\"doc\":\"fired, held (met, but something forbids it now) or not-met.\"},{\"name\":\"reason\",\"type\":\"string\",\"doc\":\"Why, in a sentence.\"},{\"name\":\"evidence\",\"type\":\"string\",\"doc\":\"The figures looked at, as a JSON object.\"},{\"name\":\"occurredAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Event time of the evidence.\"},{\"name\":\"decidedAt\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When the decision was taken.\"},{\"name\":\"requestId\",\"type\":[\"null\",\"string\"],\"doc\":\"The retraining request that was emitted.\",\"default\":null}]}"
}
} as const;
