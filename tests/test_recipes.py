"""Every e-mail and phone vector that the platforms' pages print: (page, row, input, recipe, hash)."""

import re
from dataclasses import replace
from hashlib import md5, sha256

import ibis
import pytest

from audiences.contacts import by_person, digests, hash_many, hash_one
from audiences.model import Digest
from audiences.tables import IDENTIFIERS
from config.audiences import Identifier
from connectors.recipes import (
    AMAZON,
    AMAZON_STRICT,
    CRITEO,
    GOOGLE,
    LINKEDIN,
    META,
    MICROSOFT,
    OPENAI,
    PINTEREST,
    RECIPES,
    REDDIT,
    SNAPCHAT,
    TIKTOK,
    TIKTOK_2025_08,
    TIKTOK_PARTNER,
    TTD,
    VK,
    YANDEX,
    YANDEX_CANONICAL,
    X,
)  # fmt: skip
from tests.support.tables import rows_of, table

EMAIL, PHONE = Identifier.EMAIL, Identifier.PHONE
REGIONS = ("RU", "UA", "KZ", "BY")
MARY = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
SMITH = "7d466b3c904fbeadd0adad30b84c397ba3f36cea7aa5e2d48a544e85cf28ab9b"
BRIEN = "ac15301c3f78cca6ce1edcd0e75fe6b854c80873d1a2ae10ee51aef053ac5a38"
JANE = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"
ALICE = "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"
TESTEMAIL = "42a8e618cba49f19dac88880dc734367f0f1b6d5e729a4af3f860efee0b037d6"
JOHNSMITH = "3586de92bb3636d0885a12eff961429a32e4ebd764b96f50d85d016f9338d586"
NYC = "f109a2a632fbcea5fc82049f50beed3d8621bf9034399f437fb622222acccdac"
CONTOSO = "f25ad364d33972379a7a4f4df33db142205f5c40eb19cfdb2fc5aaf117e10101"
IVAN = "d21886d2d8513242476ce01f622bd6875c504d3dd04c9d33aa8340dfdaaa8f14"
US_DIGITS = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"
US_PLUS = "1e231c66011e7a2d867a9cfae267a6aff103cf4913640b6e71a99850fc0ffbc8"
INDIA = "92b5072176e723878b5e06ff3ca61898e4eb74e8c46642a0f2db800b17364ab0"
LONDON = "40b5c38342a9c584ec707e8679b003f8c779c6aaa138c976ef94e049cc05208f"
MOSCOW_999 = "22846ab8f79870871eb44f653419a4a5069301827d8ae75b6c2a88e4989a364e"
YANDEX_MAIL = "bd93ea95f242f02313eccf0ab0bb7fe5121a052de42d2cb7bd332fb9f537cbfa"

VECTORS = [
    ("google 1", EMAIL, "  User.Name+NYC@Example.com ", GOOGLE, NYC),
    ("google 2", EMAIL, "cloudy.sanfrancisco+shopping@gmail.com", GOOGLE, "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4"),
    ("google 3", EMAIL, "CloudySanFrancisco@GoogleMail.com", GOOGLE, "332ed5427d17deb381928a719533e85046d68d7e45553abb805852b7d631fcb7"),
    ("google 4", EMAIL, "test@contoso.com", GOOGLE, CONTOSO),
    ("google 5", EMAIL, "ivan.petrov@пример.рф", GOOGLE, IVAN),
    ("google 8", PHONE, "+44 20 7946 0958", GOOGLE, "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d"),
    ("meta e-mail 1", EMAIL, " Mary@Example.com ", META, MARY),
    ("meta e-mail 2", EMAIL, "John.Smith+News@Gmail.com", META, SMITH),
    ("meta phone 2", PHONE, "+1 (650) 555-1212", META, US_DIGITS),
    ("meta phone 3", PHONE, "00919876543210", META, INDIA),
    ("meta phone 4", PHONE, "0044 7911 123456", META, LONDON),
    ("yandex P1", PHONE, "79876543210", YANDEX, "8bf7d8ef683ac4d7cf7fc6390f99c06e76e0b2022ec0c857c92e0041a53a3d66"),
    ("yandex P2", PHONE, "79012345678", YANDEX, "f1d83756463b8173a2ec0919afcde6dc0c540de09f1c22620dd5d8150da7d9b7"),
    ("yandex P3", PHONE, "+7 (999) 555-11-11", YANDEX, MOSCOW_999),
    ("yandex P4", PHONE, "8 (999) 555-11-11", YANDEX, MOSCOW_999),
    ("yandex P5", PHONE, "999 555-11-11", YANDEX, MOSCOW_999),
    ("yandex P7", PHONE, "79011234567", YANDEX, "a446651732ed0d8ba0674cb4dfe34a0f09c05c78619a4cbd832f9e7d6179818a"),
    ("yandex P8", PHONE, "+375 29 123-45-67", YANDEX, "82329f6c51c316c0e64db312a0ac3c7fa3b854da6d01f4ecbe8335a9b9c64eab"),
    ("yandex P9", PHONE, "+998 90 123 45 67", YANDEX, "172443bcef1ac1d3905d3ff30a9b7c1d188a583c54f24ab8327a91f82054f2d3"),
    ("yandex P12, letters stripped", PHONE, "tel. 8-495-123-45-67", YANDEX, "0db1f8fe9abe3d3f789ac6cd9de8d39cfc9d2fc9a31e76010f0fa5b377e50235"),
    ("yandex E1", EMAIL, "mail@yandex.ru", YANDEX, YANDEX_MAIL),
    ("yandex E2", EMAIL, "  Mail@Yandex.RU ", YANDEX, YANDEX_MAIL),
    ("yandex E3", EMAIL, "example2@yandex.ru", YANDEX, "8901673b64eeb535bb563cf06b794f2b74dacfb756297cba8bc71e9a09a62e93"),
    ("yandex E4", EMAIL, "name@yandex.ru", YANDEX, "41b86f44151924a940be6fa30d93f2471683ca74ac361d3b827a9b72c80a7623"),
    ("yandex E5", EMAIL, "example@mail.ru", YANDEX, "ead4f2a7e213a817fc9ea94fc83043ccb6a968cbef106f939682e489d15357cc"),
    ("yandex E6", EMAIL, "Name.Namovich@yandex.ru", YANDEX, "ac24021f731581e92e60d6a411d5bbe5b995b44c1dedae5d543044dbb7f4b73f"),
    ("yandex E7", EMAIL, "Name.Namovich@yandex.ru", YANDEX_CANONICAL, "ee3bb82b5b8fdbf9166e68a5f6ccac1725e0af9b967a7bc46000f0b67570faeb"),
    ("yandex E8", EMAIL, "name@ya.ru", YANDEX, "8bfdbdfdc206e1247d308626c5df2d1f97aa7ec51dd6c8fd55a510ff8ea059e0"),
    ("yandex E8 canonical", EMAIL, "name@ya.ru", YANDEX_CANONICAL, "41b86f44151924a940be6fa30d93f2471683ca74ac361d3b827a9b72c80a7623"),
    ("yandex E9", EMAIL, "Name.Naimovich+promo@googlemail.com", YANDEX, "ca660deb842966e001c8e128b86acd3cd6309317d77ea64699fbefd134a24fa6"),
    ("yandex E10", EMAIL, "Name.Naimovich+promo@googlemail.com", YANDEX_CANONICAL, "471631494d448eae4daf1cae034a15fa93993f15f3c7b73956a664e52dc0e2d1"),
    ("vk 1", PHONE, "+7 901 123-45-67", VK, "d9802251af2e53a7d2e1b1af3792940a"),
    ("vk 2", PHONE, "8 (999) 555-11-11", VK, "f09f2c3d48f31e2a802944ade2e5aec5"),
    ("vk 3", PHONE, "79876543210", VK, "5c5259938ed3e632bc5e3f94731090af"),
    ("vk 4", PHONE, "79012345678", VK, "7cea6da797b7105aee4188b6731a9006"),
    ("vk 5", PHONE, "+375 29 123-45-67", VK, "0260d6b6b157fe8bb8f01c5440217179"),
    ("vk 6", PHONE, "+998 90 123 45 67", VK, "9c738a51795b7dcce0a52705b6e611be"),
    ("vk 7", EMAIL, " Example@Mail.RU ", VK, "af0f2257cdaaaf1236dd3ce027ec7cfe"),
    ("vk 8", EMAIL, "mail@yandex.ru", VK, "3c56ff8fef0f6c65b36b2d25720fe276"),
    ("vk 9", EMAIL, "example2@yandex.ru", VK, "8d2b135ba9bd88fbfbd8ececb31196d1"),
    ("tiktok e-mail", EMAIL, "JaneDoe@gmail.com ", TIKTOK, JANE),
    ("tiktok e-mail c", EMAIL, "Jane.Doe@Gmail.com", TIKTOK, "831f6494ad6be4fcb3a724c3d5fef22d3ceffa3c62ef3a7984e45a0ea177f982"),
    ("tiktok e-mail a", EMAIL, "Jane.Doe+x@Gmail.com", TIKTOK_PARTNER, JANE),
    ("tiktok e-mail b", EMAIL, "John.Smith+News@Gmail.com", TIKTOK_2025_08, "d0c648bc36f12061bec770df216cea2ab95851b9350fd54b658de53b0407767a"),
    ("tiktok e-mail c2", EMAIL, "John.Smith+News@Gmail.com", TIKTOK, SMITH),
    ("tiktok e-mail a2", EMAIL, "John.Smith+News@Gmail.com", TIKTOK_PARTNER, JOHNSMITH),
    ("tiktok phone a", PHONE, "+1 657-777-0000", TIKTOK, "a6e82c2f4091baff57a4f33d01efb65bfbeacbbfbcfaa9d0ff9f57d28d78fedb"),
    ("tiktok phone b", PHONE, "+1 657-777-0000", TIKTOK_2025_08, "8d7bdaaf75196f351d22942fc0dd79304ffabc3eaf3339460ef9da0773e3aec2"),
    ("tiktok phone a3", PHONE, "0044 7911 123456", TIKTOK, "20b18ac9de7b3aad174961827d8e451c410af9aedfd1d699927f4b29b81aa1fa"),
    ("microsoft 1", EMAIL, "test@contoso.com", MICROSOFT, CONTOSO),
    ("microsoft 2", EMAIL, "Test@Contoso.com", MICROSOFT, CONTOSO),
    ("microsoft 3", EMAIL, " test@contoso.com\t", MICROSOFT, CONTOSO),
    ("microsoft 4", EMAIL, "  User.Name+NYC@Example.com ", MICROSOFT, NYC),
    ("microsoft 5", EMAIL, "jane.doe@gmail.com", MICROSOFT, "831f6494ad6be4fcb3a724c3d5fef22d3ceffa3c62ef3a7984e45a0ea177f982"),
    ("microsoft 6", EMAIL, "Jane.Doe+promo@gmail.com", MICROSOFT, "5f0d1df1fc49e30424381b57b1d4c73e067772a4267dde043a19b026935602c8"),
    ("microsoft 7", EMAIL, "jane_doe@outlook.com", MICROSOFT, "aa532cd7acd8e2a0d446f1048fae4248ca2083a6edcec31798f59803682a24ae"),
    ("microsoft 8", EMAIL, "O'Brien@Example.co.uk", MICROSOFT, BRIEN),
    ("microsoft 9", EMAIL, "ANNA@EXAMPLE.COM", MICROSOFT, "f7d54c22dda5b1780276601cd005909b70543fc4a6ba72d735b4cb9bbb611f01"),
    ("microsoft 10", EMAIL, "ivan.petrov@пример.рф", MICROSOFT, IVAN),
    ("microsoft 11", EMAIL, "JOSÉ@example.com", MICROSOFT, "b0a53cf19e34d05b57bced7365c6b00ddbe38d62957e863de2a66a56c3b42cea"),
    ("microsoft 12", EMAIL, "a@b.co", MICROSOFT, "80305c9bb1bb2480e03894350e0a8a366dcbdeb302e69e0817aa0743abd77054"),
    ("microsoft 13", EMAIL, "first.last@sub.example.com", MICROSOFT, "9e4addb1d30c5089237f6510edd6292b8baeecefbefce50e94a5a1da7db50056"),
    ("microsoft 14", EMAIL, "\ufeffuser@example.com\u00a0", MICROSOFT, "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"),
    ("pinterest 1", EMAIL, " Mary@Example.com ", PINTEREST, MARY),
    ("pinterest 2", EMAIL, "JaneDoe@gmail.com", PINTEREST, JANE),
    ("pinterest 3", EMAIL, "John.Smith+News@Gmail.com", PINTEREST, SMITH),
    ("pinterest 4", EMAIL, "O'Brien@Example.co.uk", PINTEREST, BRIEN),
    ("pinterest 5", EMAIL, "MÜLLER@example.de", PINTEREST, "eb2f85748266705ba113bc5c4ee633d9c2a7cc769d5f6d9f9767b854584b3c88"),
    ("pinterest 6", EMAIL, "alice@example.com", PINTEREST, ALICE),
    ("pinterest 7", EMAIL, "testemail234@gmail.com", PINTEREST, TESTEMAIL),
    ("pinterest phone", PHONE, "+16505551212", PINTEREST, US_DIGITS),
    ("snapchat 1", EMAIL, " Mary@Example.com ", SNAPCHAT, MARY),
    ("snapchat 2", EMAIL, "John.Smith+News@Gmail.com", SNAPCHAT, SMITH),
    ("snapchat 3", EMAIL, "O'Brien@Example.co.uk", SNAPCHAT, BRIEN),
    ("snapchat 4", EMAIL, "JaneDoe@gmail.com", SNAPCHAT, JANE),
    ("snapchat 5", PHONE, "+1 (650) 555-1212", SNAPCHAT, US_DIGITS),
    ("snapchat 6", PHONE, "00919876543210", SNAPCHAT, INDIA),
    ("snapchat 7", PHONE, "+44 7911 123456", SNAPCHAT, LONDON),
    ("snapchat 8", PHONE, "0044 7911 123456", SNAPCHAT, LONDON),
    ("snapchat 9", PHONE, "+49 1511 2345678", SNAPCHAT, "8efb96404be52f6109b9db0f687274a81e9e3cc23fabd6f0da5d38baa3d2facd"),
    ("linkedin 1", EMAIL, " Mary@Example.com ", LINKEDIN, MARY),
    ("linkedin 2", EMAIL, "mary @example.com", LINKEDIN, MARY),
    ("linkedin 4", EMAIL, "John.Smith+News@Gmail.com", LINKEDIN, SMITH),
    ("linkedin 5", EMAIL, "O'Brien@Example.co.uk", LINKEDIN, BRIEN),
    ("linkedin 6", EMAIL, "JANEDOE@GMAIL.COM", LINKEDIN, JANE),
    ("linkedin 7", EMAIL, "Alice@example.com\n", LINKEDIN, ALICE),
    ("linkedin 8", EMAIL, "testemail234@gmail.com", LINKEDIN, TESTEMAIL),
    ("linkedin 9", EMAIL, "scroogemcduck@disney.com", LINKEDIN, "77bc071241f37b4736df28c0c1cb0a99163d1050696134325b99246b2183d408"),
    ("x e-mail 1", EMAIL, " Mary@Example.com ", X, MARY),
    ("x e-mail 2", EMAIL, "John.Smith+News@Gmail.com", X, SMITH),
    ("x phone", PHONE, "+1 650 555 1212", X, US_PLUS),
    ("reddit 1", EMAIL, "Al.ice+Apple@Example.Com", REDDIT, ALICE),
    ("reddit 2", EMAIL, "testemail234@gmail.com", REDDIT, TESTEMAIL),
    ("reddit 3", EMAIL, "John.Smith+News@Gmail.com", REDDIT, JOHNSMITH),
    ("reddit 5", EMAIL, "Mary@Example.com", REDDIT, MARY),
    ("amazon 1", EMAIL, " Mary@Example.com ", AMAZON, MARY),
    ("amazon phone", PHONE, "+1 (650) 555-1212", AMAZON, US_DIGITS),
    ("amazon strict", EMAIL, "John.Smith+News@Gmail.com", AMAZON_STRICT, "8e3157d7cd1a387333f2740c8146821b028a60be54f805832ee3954b20358f4e"),
    ("amazon lower", EMAIL, "John.Smith+News@Gmail.com", AMAZON, SMITH),
    ("criteo 1", EMAIL, " Mary@Example.com ", CRITEO, MARY),
    ("criteo 2", EMAIL, "John.Smith+News@Gmail.com", CRITEO, SMITH),
    ("ttd 1", EMAIL, " Mary@Example.com ", TTD, MARY),
    ("ttd 2, base64 NYbekrs2...", EMAIL, "John.Smith+News@Gmail.com", TTD, JOHNSMITH),
    ("ttd 3", EMAIL, "John.Smith+News@example.com", TTD, sha256(b"john.smith+news@example.com").hexdigest()),
    ("openai e-mail", EMAIL, "mary@example.com", OPENAI, MARY),
    ("openai phone", PHONE, "+16505551212", OPENAI, US_PLUS),
]  # fmt: skip

YANDEX_MD5 = replace(YANDEX, name="yandex_md5", digest=Digest.MD5)
YANDEX_CANONICAL_MD5 = replace(YANDEX_CANONICAL, name="yandex_canonical_md5", digest=Digest.MD5)
PINTEREST_MD5 = replace(PINTEREST, name="pinterest_md5", digest=Digest.MD5)

FORMS = [
    ("google 6, fictional", PHONE, "+18005550100", GOOGLE, "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30"),
    ("meta phone 1, fictional", PHONE, "+15559876543", META, "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"),
    ("yandex P6, no such code", PHONE, "+70123456789", YANDEX, "8f0dd3d30a1ea4b739c6217c02604aee1556025da990212759efd877206a1948"),
    ("yandex P6, MD5", PHONE, "+70123456789", YANDEX_MD5, "d9b4bf8590698b1453e4b9982e1c3002"),
    ("yandex P12, MD5", PHONE, "+74951234567", YANDEX_MD5, "52a8393220042781482c5b0d08d78baf"),
    ("yandex E4, MD5", EMAIL, "name@yandex.ru", YANDEX_MD5, "0e90d6d575f846f977e56490668b2c13"),
    ("yandex E6, MD5", EMAIL, "name.namovich@yandex.ru", YANDEX_MD5, "3836898a1f441e075ae58d2da7ca4075"),
    ("yandex E7, MD5", EMAIL, "name.namovich@yandex.ru", YANDEX_CANONICAL_MD5, "7dc6415a8f38e6ca8e0f3bb3ef8c4796"),
    ("yandex E8, MD5", EMAIL, "name@ya.ru", YANDEX_MD5, "e85c8c781755a335a0141d1475dd1ff2"),
    ("yandex E9, MD5", EMAIL, "name.naimovich+promo@googlemail.com", YANDEX_MD5, "73c57e55991958834f37dd0fc39d6070"),
    ("yandex E10, MD5", EMAIL, "name.naimovich+promo@googlemail.com", YANDEX_CANONICAL_MD5, "e10c532b493f02daa34794cf3d5037a9"),
    ("pinterest, MD5", EMAIL, "mary@example.com", PINTEREST_MD5, "c96da02bba97aedfd26136e980ae3761"),
]  # fmt: skip
"""Pages also print numbers that nobody can have, which a cell is not read as, and hashes that we do
not send by default: here from the contact's one form on."""

REFUSED = [
    ("google", EMAIL, "a b@example.com", GOOGLE),
    ("google", EMAIL, "@example.com", GOOGLE),
    ("google", EMAIL, "a@b@c.com", GOOGLE),
    ("google, empty after the tag", EMAIL, "+x@gmail.com", GOOGLE),
    ("google", PHONE, " ", GOOGLE),
    ("pinterest", EMAIL, "a,b@example.com", PINTEREST),
    ("linkedin", EMAIL, "not-an-email", LINKEDIN),
    ("linkedin", EMAIL, "", LINKEDIN),
    ("yandex P10", PHONE, "+8 999 555-11-11", YANDEX),
    ("yandex P11", PHONE, "0123456789", YANDEX),
    ("yandex, Latin letters", EMAIL, "ivan.petrov@пример.рф", YANDEX),
    ("snapchat, no country", PHONE, "0650 5551212", SNAPCHAT),
    ("microsoft has no phones", PHONE, "+79035554411", MICROSOFT),
]


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Digests by (recipe, kind, contact): the vectors of a recipe go through the engine at once."""
    asked: dict[tuple[str, Identifier], list[str]] = {}
    recipes = {}
    for _, kind, text, recipe, *_ in (*VECTORS, *REFUSED):
        asked.setdefault((recipe.name, kind), []).append(text)
        recipes[recipe.name] = recipe
    return {
        (name, str(kind), text): found
        for (name, kind), texts in asked.items()
        for text, found in zip(texts, hash_many(kind, texts, recipes[name], REGIONS), strict=True)
    }


@pytest.mark.parametrize(("page", "kind", "text", "recipe", "digest"), VECTORS)
def test_a_printed_vector_comes_out_as_printed(answers, page, kind, text, recipe, digest):
    assert answers[recipe.name, str(kind), text] == (digest,), page


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


@pytest.mark.parametrize(("page", "kind", "value", "recipe", "digest"), FORMS)
def test_a_printed_form_is_written_and_hashed_as_printed(engine, page, kind, value, recipe, digest):
    known = table(engine, IDENTIFIERS, [{"person_id": "p", "kind": str(kind), "value": value}])
    (row,) = rows_of(engine, digests(by_person(known), recipe))
    assert row[str(kind)] == [digest], page


@pytest.mark.parametrize(("page", "kind", "text", "recipe"), REFUSED)
def test_what_a_page_refuses_is_no_identifier(answers, page, kind, text, recipe):
    assert answers[recipe.name, str(kind), text] == (), page


def test_a_digest_that_a_page_warns_of_is_never_made(answers):
    """Of nothing at all; of an address as it was typed, as Microsoft's negative checks are."""
    made = {digest for found in answers.values() for digest in found}
    assert made.isdisjoint({sha256(b"").hexdigest(), md5(b"").hexdigest()})  # noqa: S324
    (clean,) = hash_one(EMAIL, " Test@Contoso.com ", MICROSOFT, REGIONS)
    assert clean == sha256(b"test@contoso.com").hexdigest()


def test_a_number_in_two_forms_only_differs_by_its_plus():
    assert hash_one(PHONE, "(650) 555-1212", TIKTOK, ("US",)) == (US_PLUS,)
    assert hash_one(PHONE, "8 (495) 123-45-67", GOOGLE, REGIONS) == (
        sha256(b"+74951234567").hexdigest(),
    )
    assert hash_one(PHONE, "+7 903 555-44-11", VK, REGIONS) == (md5(b"79035554411").hexdigest(),)  # noqa: S324


def test_an_external_id_is_hashed_as_it_is():
    (digest,) = hash_one(Identifier.EXTERNAL_ID, " Ab-7 ", META, REGIONS)
    assert digest == sha256(b"Ab-7").hexdigest()


def test_recipes_have_names_of_their_own_and_a_source():
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert all(re.search(r"\w{4}", recipe.source) for recipe in RECIPES)
