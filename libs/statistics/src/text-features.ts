/** What the comparison needs of one answered text; one SQL query gives them all. */
export interface TextFeatures {
  id: string;
  /** As it was classified; characters and n-grams are taken from it. */
  text: string;
  /** Its words, lower case, with repetitions: `extractAll(lowerUTF8(text), '[\\p{L}\\p{M}\']+')`. */
  words: string[];
  /** Length in code points. */
  characters: number;
  /** Predicted class. */
  predicted: string;
  /** Calibrated probability of the predicted class, 0 to 1. */
  confidence: number;
}
