export {
  type Bundle,
  bundleDigest,
  filePattern,
  type Manifest,
  maximumBundleBytes,
  parseManifest,
  readBundle,
  sha256,
  writeBundle,
} from './bundle.ts';
export { classified, type Classified, classify, classifyWith } from './classify.ts';
export type { BatchResult, Lease, Serving } from './batch-job.ts';
export { DynamicBatcher } from './dynamic-batcher.ts';
export { type SupportedProvider, supportedProviders } from './execution-providers.ts';
export { HostLauncher } from './host-launcher.ts';
export { HostPool } from './host-pool.ts';
export { type StartHost, startHost } from './host-process.ts';
export { embeddingDimension, pooledEncoder, withHead } from './encoder-graph.ts';
export { modelError } from './errors.ts';
export type { HostModel } from './host-protocol.ts';
export { inspectApart } from './inspect-apart.ts';
export { inspectBundle } from './inspect-bundle.ts';
export { type HostAnswer, type HostEmbeddings, hostModel, ModelHost, type HostOptions } from './model-host.ts';
export { bundleFromOptimum } from './optimum.ts';
export { maximumLengthOf, ModelSlot, type SlotOptions, type SlotProgress } from './model-slot.ts';
