"""What several tests of models share."""

from __future__ import annotations

import pytest

from edgeclip.model import child


@pytest.fixture
def asked(monkeypatch):
    """Count the children."""
    questions = []
    real = child.ask

    def counted(module, question, **more):
        questions.append(question)
        return real(module, question, **more)

    monkeypatch.setattr(child, "ask", counted)
    return questions
