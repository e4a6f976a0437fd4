"""A REST service as a Python team would write it: FastAPI on uvicorn, ONNX Runtime in its processes.

`python fastapi_server.py BUNDLE PORT WORKERS`
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from classifier import Classifier

bundle, port, workers = sys.argv[1:]
classifier = Classifier(bundle)
app = FastAPI(on_startup=[lambda: print("ready", flush=True)])


class Texts(BaseModel):
    texts: list[str]


# `async`: one text takes less time than a hop to the thread pool and back.
@app.post("/predict")
async def predict(body: Texts) -> dict:
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


if __name__ == "__main__":
    uvicorn.run(
        "fastapi_server:app",
        host="127.0.0.1",
        port=int(port),
        workers=int(workers),
        log_level="warning",
        access_log=False,
    )
