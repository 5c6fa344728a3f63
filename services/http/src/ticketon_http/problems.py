"""Problem documents (RFC 9457) as HTTP answers, and the handlers that make FastAPI answer with nothing else."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ticketon_contract.problems import Problem, ProblemError

MEDIA_TYPE = "application/problem+json"

ModelT = TypeVar("ModelT", bound=BaseModel)

_OF_STATUS = {
    404: (Problem.NOT_FOUND, "nothing is served under this address; see openapi.json for what is"),
    405: (Problem.METHOD_NOT_ALLOWED, "use one of the methods that the header Allow names"),
    413: (Problem.TOO_LARGE, "send a smaller body"),
}


def problem_response(error: ProblemError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the error's document with its status; Retry-After where the error has one."""
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    if error.retry_after_seconds is not None:
        all_headers["Retry-After"] = str(error.retry_after_seconds)
    if error.problem.status == 401:
        all_headers["WWW-Authenticate"] = "Bearer"
    body = json.dumps(error.document(), ensure_ascii=False).encode()
    return Response(body, status_code=error.problem.status, headers=all_headers, media_type=MEDIA_TYPE)


def of_http_exception(error: HTTPException) -> ProblemError:
    """Return what the framework's own 4xx becomes: its catalogue entry, or INVALID for any other."""
    problem, detail = _OF_STATUS.get(error.status_code, (Problem.INVALID, str(error.detail)))
    return ProblemError(problem, detail)


def of_validation(errors: list[dict[str, Any]]) -> ProblemError:
    """Return INVALID with ``errors: [{field, message}]``. Values are not repeated: they may be somebody's token."""
    found = [
        {"field": ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0]), "message": error["msg"]}
        for error in errors
    ]
    return ProblemError(Problem.INVALID, "correct the fields that errors names", {"errors": found})


def parsed(model: type[ModelT], body: bytes) -> ModelT:
    """Read a JSON body, for routes without FastAPI in between; raises INVALID that names its fields."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        # ``of_validation`` skips the first part of a place, which FastAPI calls "body".
        found: list[dict[str, Any]] = [
            {**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False, include_input=False)
        ]
        raise of_validation(found) from error


def unexpected() -> ProblemError:
    """Return what a buyer is told of a failure nobody foresaw; the log has the rest."""
    return ProblemError(Problem.INTERNAL, "the failure is in our log; trying again is safe", {}, 5)


async def _on_unexpected(_: Request, __: Exception) -> Response:
    return problem_response(unexpected())  # logged by the guard, to which the framework raises it again


async def _on_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    return problem_response(error)


async def _on_http_exception(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return problem_response(of_http_exception(error), error.headers)


async def _on_validation(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return problem_response(of_validation(list(error.errors())))


def install(app: FastAPI) -> None:
    """Every refusal and failure of ``app`` is a problem document from here on."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_unexpected)


def documented(*problems: Problem) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's ``responses=`` for problems a route may answer with, grouped by status, with examples."""
    responses: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        entry = responses.setdefault(
            problem.status, {"description": problem.title, "content": {MEDIA_TYPE: {"examples": {}}}}
        )
        example = {"type": problem.type, "title": problem.title, "status": problem.status, "detail": "what to do"}
        entry["content"][MEDIA_TYPE]["examples"][problem.slug] = {"value": example}
    return responses
