export { directoryOwner } from './directory-lock.ts';
export {
  type EmbeddedStack,
  type EmbeddedStackOptions,
  fetchKafkaLibraries,
  startEmbeddedStack,
} from './embedded-stack.ts';
