"""The built-in model in Python: the normalisation of libs/normalisation/src/normalise.ts, then the same graph."""

import json
import os
import re
import unicodedata

import numpy
import onnxruntime

DIGITS = re.compile(r"\d")
SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def normalise(text: str, maximum: int) -> bytes:
    """UTF-16 code units, little-endian."""
    lowered = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    content = SPACES.sub(" ", DIGITS.sub("0", lowered)).strip()
    return f" {content[:maximum].rstrip()} ".encode("utf-16-le", "surrogatepass")


class Classifier:
    def __init__(self, bundle: str) -> None:
        with open(os.path.join(bundle, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.labels: list[str] = manifest["labels"]
        self.maximum: int = manifest["input"]["maximumCharacters"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = os.path.join(bundle, "model.onnx")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def probabilities(self, texts: list[str]) -> numpy.ndarray:
        """float32 [texts, labels]; one batch, padded to the longest."""
        encoded = [normalise(text, self.maximum) for text in texts]
        units = numpy.zeros((len(texts), max(len(row) for row in encoded) // 2), dtype=numpy.int32)
        for row, text in zip(units, encoded):
            row[: len(text) // 2] = numpy.frombuffer(text, dtype=numpy.uint16)
        return self.session.run(None, {self.input: units})[0]
