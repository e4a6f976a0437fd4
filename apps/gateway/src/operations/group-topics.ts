import type { GroupTopics } from './system-status.ts';

/**
 * Which consumer group commits on which topics; their lags together say whether anything is pending. Retraining is not
 * among them: it reads its topics from their beginning at every start, and says itself whether it has decided all.
 */
export const groupTopics: GroupTopics = {
  inference: ['texts'],
  monitoring: ['texts', 'labels', 'predictions', 'drift-reports', 'performance-reports'],
};
