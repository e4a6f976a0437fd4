"""One REST service as a Python team would write it: FastAPI on uvicorn, ONNX Runtime in its process.

`python fastapi_server.py BUNDLE PORT`
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from classifier import Classifier

bundle, port = sys.argv[1:]
classifier = Classifier(bundle)
app = FastAPI(on_startup=[lambda: print("ready", flush=True)])


class Texts(BaseModel):
    texts: list[str]


# Not `async`: FastAPI runs it in its thread pool, so that a batch does not hold up the event loop.
@app.post("/predict")
def predict(body: Texts) -> dict:
    rows = classifier.probabilities(body.texts)
    return {
        "predictions": [
            {
                "label": classifier.labels[int(row.argmax())],
                "confidence": float(row.max()),
                "probabilities": dict(zip(classifier.labels, row.tolist())),
            }
            for row in rows
        ]
    }


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
