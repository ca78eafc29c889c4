"""What HTTP sees of receipts."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from operator import itemgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Request, Response
from starlette.exceptions import HTTPException

from llmring_core import canonical
from llmring_core.auth import ReceiptsReaderDep, ReceiptsWriterDep
from llmring_core.connection import Runner
from llmring_core.dependencies import Db, KeysDep, RegistryDep
from llmring_core.errors import AlreadyExists, InProgress, NotConfigured, NotFound, raises
from llmring_core.idempotency import OnceDep
from llmring_core.pages import PageDep
from llmring_core.periods import PeriodDep
from llmring_core.signing import PrivateKey
from llmring_core.web import StrictRoute, group_router
from llmring_server.receipts import certifying, proofs, store
from llmring_server.receipts.certificates import (
    CertifiedLog,
    Draft,
    InclusionProof,
    Receipt,
    Reverification,
    Selection,
)
from llmring_server.receipts.issuing import issue
from llmring_server.receipts.models import (
    MAX_BODY_BYTES,
    KeyList,
    SignedReceipt,
    StoredReceipt,
    Submission,
    UnsignedReceipt,
    Verdict,
)
from llmring_server.receipts.publishing import current_pem, key_list
from llmring_server.receipts.store import FiltersDep
from llmring_server.receipts.verifying import accepted, unwrapped, verdict


class CanonicalRequest(Request):
    """A request whose JSON has a canonical form."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Read the body, and no further than its limit: anybody may send one to be verified."""
        size = 0
        async with aclosing(super().stream()) as stream:
            async for chunk in stream:
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
                yield chunk

    async def json(self) -> Any:
        """Parse the body; raises json.JSONDecodeError, which becomes a 422."""
        return canonical.loads(await self.body())


class CanonicalRoute(StrictRoute):
    """A route that reads JSON bodies as what can be signed."""

    request_class = CanonicalRequest


router = group_router("receipts", route_class=CanonicalRoute)

API = "/api/v1/receipts"
PEM = "application/x-pem-file"
CACHED = {"Cache-Control": "public, max-age=60"}
PLACE = itemgetter(0)


@router.get(
    "/receipts/public-key.pem", response_class=Response, responses={200: {"content": {PEM: {}}}}
)
@raises(NotFound)
async def get_public_key(keys: KeysDep) -> Response:
    """The public key that receipts are signed with now, as SubjectPublicKeyInfo in PEM."""
    return Response(await current_pem(keys), media_type=PEM, headers=CACHED)


@router.get("/receipts/public-keys.json")
async def list_public_keys(keys: KeysDep, response: Response) -> KeyList:
    """Every public key that receipts were ever signed with, and when."""
    response.headers.update(CACHED)
    return await key_list(keys)


@router.post(f"{API}/verify")
async def verify_receipt(
    receipt: Annotated[dict[str, Any], Body(description="The receipt.")], keys: KeysDep
) -> Verdict:
    """Say whether a receipt is one that this server signed, unchanged; anybody may ask."""
    return await verdict(unwrapped(receipt), keys)


@router.post(f"{API}/issue", response_model=Receipt)
@raises(AlreadyExists, NotConfigured)
async def issue_receipt(
    unsigned: UnsignedReceipt,
    caller: ReceiptsWriterDep,
    db: Db,
    keys: KeysDep,
    registry: RegistryDep,
    once: OnceDep,
) -> Response:
    """Fill in what a receipt lacks (id, timestamp, cost), sign it and store it."""

    async def make() -> SignedReceipt:
        return await issue(unsigned, keys, registry)

    async def add(runner: Runner, receipt: SignedReceipt) -> Response:
        await store.add_signed(runner, caller, receipt, keys)
        return _json(receipt.canonical)

    return await once.make_and_write(db, make, add)


@router.post(API)
@raises(AlreadyExists)
async def store_receipt(
    submission: Submission, caller: ReceiptsWriterDep, db: Db, keys: KeysDep
) -> StoredReceipt:
    """Verify a signed receipt and store it; the same one again is answered the same."""
    receipt = await accepted(submission.receipt, keys)
    await store.add_verified(db, caller, receipt)
    return StoredReceipt(receipt_id=receipt.id)


@router.get(API, response_model=list[Receipt])
async def list_receipts(
    caller: ReceiptsReaderDep,
    db: Db,
    period: PeriodDep,
    filters: FiltersDep,
    page: PageDep,
    response: Response,
) -> Response:
    """The receipts of the caller, newest first; the way to the next page is in the headers."""
    receipts, has_more = await store.page(db, caller, period, filters, page)
    if has_more:
        page.lead_on(response, receipts[-1].place)
    return _json(b"[" + b",".join(each.canonical for each in receipts) + b"]", response)


@router.post(f"{API}/generate", response_model=Receipt)
@raises(InProgress, NotFound, NotConfigured)
async def generate_receipt(
    selection: Selection, caller: ReceiptsWriterDep, db: Db, keys: KeysDep, once: OnceDep
) -> Response:
    """Certify usage logs of the caller: one signed receipt with their sums and Merkle root."""

    async def add(tx: Runner, key: PrivateKey) -> Response:
        receipt = await certifying.certify(tx, caller, selection, key, keys)
        return _json(receipt.canonical)

    return await once.make_and_write(db, keys.signer, add, in_transaction=True)


@router.post(f"{API}/preview", response_model=Draft)
@raises(NotFound)
async def preview_receipt(selection: Selection, caller: ReceiptsReaderDep, db: Db) -> Response:
    """What `generate` would certify now; nothing is signed or stored."""
    return _json(canonical.dumps(await certifying.preview(db, caller, selection)))


@router.get(f"{API}/uncertified")
async def list_uncertified(
    caller: ReceiptsReaderDep, db: Db, period: PeriodDep, page: PageDep, response: Response
) -> list[dict[str, Any]]:
    """The usage logs of the caller that no receipt covers yet, newest first."""
    logs, found = await certifying.uncertified(db, caller, period, page)
    return [log for _, log in page.cut(response, logs, PLACE, found=found)]


@router.get(f"{API}/{{receipt_id}}", response_model=Receipt)
async def find_receipt(receipt_id: str, caller: ReceiptsReaderDep, db: Db) -> Response:
    """A receipt of the caller: the very bytes that were signed, and the signature."""
    return _json(await store.find(db, caller, receipt_id))


@router.get(f"{API}/{{receipt_id}}/verify")
async def reverify_receipt(
    receipt_id: str, caller: ReceiptsReaderDep, db: Db, keys: KeysDep
) -> Reverification:
    """Verify a stored receipt anew, and every usage log that it covers."""
    return await proofs.reverify(db, caller, receipt_id, keys)


@router.get(f"{API}/{{receipt_id}}/logs")
async def list_certified_logs(
    receipt_id: str, caller: ReceiptsReaderDep, db: Db, page: PageDep, response: Response
) -> list[CertifiedLog]:
    """The usage logs that a receipt covers, in the order of its tree."""
    logs = await proofs.covered(db, caller, receipt_id, page)
    return [log for _, log in page.cut(response, logs, PLACE)]


@router.get(f"{API}/{{receipt_id}}/logs/{{log_id}}/proof", response_model=InclusionProof)
async def prove_inclusion(
    receipt_id: str, log_id: UUID, caller: ReceiptsReaderDep, db: Db
) -> Response:
    """The proof that a receipt covers a usage log, to be checked offline."""
    return _json(canonical.dumps(await proofs.proof(db, caller, receipt_id, log_id)))


def _json(body: bytes, response: Response | None = None) -> Response:
    """Answer with bytes as they are; `response` has the headers to go with them."""
    headers = dict(response.headers) if response else None
    return Response(body, headers=headers, media_type="application/json")
