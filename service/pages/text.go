package pages

import (
	"fmt"
	"net/http"
	"time"

	"golang.org/x/text/language"

	"github.com/seed-116355fd/signet/service/confirm"
)

// text is all that a page says, in one language.
type text struct {
	Lang, Other, OtherName                                                     string
	Title, What, Files, Name, Size, Digest, Compare, Open, Gone                string
	Code, CodeHelp, Sent, Left, Until, Sign, Refuse, Resend, Approve           string
	Signature, All, Again, NotFound, NotFoundHelp, Refresh, Octets, Unknown    string
	Wrong, ExpiredCode, Locked, Limit, State, Fault, Resent                    string
	States                                                                     map[confirm.State]string
	Operations, Created, Owner, Why, Retry, Cancel, Nothing, Filter, Key, Done string
	Show                                                                       [3]string
	NotSigned, WaitsForPerson                                                  string
}

var languages = language.NewMatcher([]language.Tag{language.English, language.Russian})

// textFor chooses the language: what the address asks for, else what the browser prefers.
func textFor(r *http.Request) *text {
	switch r.URL.Query().Get("lang") {
	case "en":
		return english()
	case "ru":
		return russian()
	}
	_, i := language.MatchStrings(languages, r.Header.Get("Accept-Language"))
	if i == 1 {
		return russian()
	}
	return english()
}

func english() *text {
	return &text{
		Lang: "en", Other: "ru", OtherName: "Русский",
		Title: "Signing of documents", What: "You are asked to sign", Files: "Documents", Name: "Name", Size: "Size", Digest: "Digest",
		Compare: "Common digest", Open: "download", Gone: "not kept here",
		Code: "Confirmation code", CodeHelp: "The code was sent to", Sent: "The code is being sent…", Left: "Attempts left", Until: "Valid until",
		Sign: "Sign", Refuse: "Do not sign", Resend: "Send the code again", Approve: "Sign the documents",
		Signature: "Signature", All: "Download all signatures", Again: "Refresh the page", NotFound: "There is no such operation",
		NotFoundHelp: "The address is mistyped, or the operation was over long ago.", Refresh: "This page refreshes itself.", Octets: "bytes", Unknown: "unknown",
		Wrong: "The code is wrong. Look at the last message, and type it once more.", ExpiredCode: "The code has expired. Have a new one sent.",
		Locked: "There were too many wrong codes. The documents were not signed; ask for a new operation.", Limit: "That was too often. Wait a moment.",
		State: "This is not possible any more.", Fault: "Something went wrong here. Try again in a moment.", Resent: "A new code is on its way.",
		States: map[confirm.State]string{
			confirm.Preparing: "The documents are being prepared", confirm.Awaiting: "Waiting for your confirmation", confirm.Signing: "The documents are being signed",
			confirm.Completed: "All documents are signed", confirm.Partial: "Some documents are signed, some are not", confirm.Failed: "The documents are not signed",
			confirm.Cancelled: "The operation was cancelled", confirm.Expired: "The time to confirm is over",
		},
		Operations: "Operations", Created: "Begun", Owner: "For", Why: "State", Retry: "Try again", Cancel: "Cancel", Nothing: "There are none.",
		Filter: "Show", Key: "Key", Done: "Done.", Show: [3]string{"waiting", "failed", "all"},
		NotSigned: "not signed", WaitsForPerson: "Waiting for the person",
	}
}

func russian() *text {
	return &text{
		Lang: "ru", Other: "en", OtherName: "English",
		Title: "Подписание документов", What: "Вас просят подписать", Files: "Документы", Name: "Название", Size: "Размер", Digest: "Хеш",
		Compare: "Общий хеш", Open: "скачать", Gone: "здесь не хранится",
		Code: "Код подтверждения", CodeHelp: "Код отправлен на", Sent: "Код отправляется…", Left: "Осталось попыток", Until: "Действует до",
		Sign: "Подписать", Refuse: "Не подписывать", Resend: "Отправить код ещё раз", Approve: "Подписать документы",
		Signature: "Подпись", All: "Скачать все подписи", Again: "Обновить страницу", NotFound: "Такой операции нет",
		NotFoundHelp: "Адрес введён с ошибкой, или операция давно закончилась.", Refresh: "Страница обновляется сама.", Octets: "байт", Unknown: "неизвестен",
		Wrong: "Код неверный. Посмотрите последнее сообщение и введите код ещё раз.", ExpiredCode: "Срок действия кода истёк. Запросите новый.",
		Locked: "Слишком много неверных кодов. Документы не подписаны; запросите новую операцию.", Limit: "Слишком часто. Подождите немного.",
		State: "Это уже невозможно.", Fault: "Произошла ошибка. Попробуйте ещё раз немного позже.", Resent: "Новый код отправляется.",
		States: map[confirm.State]string{
			confirm.Preparing: "Документы готовятся", confirm.Awaiting: "Ожидается ваше подтверждение", confirm.Signing: "Документы подписываются",
			confirm.Completed: "Все документы подписаны", confirm.Partial: "Часть документов подписана, часть нет", confirm.Failed: "Документы не подписаны",
			confirm.Cancelled: "Операция отменена", confirm.Expired: "Время на подтверждение истекло",
		},
		Operations: "Операции", Created: "Начата", Owner: "Для кого", Why: "Состояние", Retry: "Повторить", Cancel: "Отменить", Nothing: "Таких нет.",
		Filter: "Показать", Key: "Ключ", Done: "Сделано.", Show: [3]string{"ожидающие", "неудачные", "все"},
		NotSigned: "не подписан", WaitsForPerson: "Ожидает человека",
	}
}

// size is a number of octets for people.
func (t *text) size(n int64) string {
	units := []string{"KB", "MB", "GB"}
	if t.Lang == "ru" {
		units = []string{"КБ", "МБ", "ГБ"}
	}
	switch {
	case n < 0:
		return t.Unknown
	case n < 1000:
		return fmt.Sprintf("%d %s", n, t.Octets)
	}
	value := float64(n)
	for i, u := range units {
		if value /= 1000; value < 1000 || i == len(units)-1 {
			return fmt.Sprintf("%.1f %s", value, u)
		}
	}
	return ""
}

// when is a time for people, with its zone: the server does not know theirs.
func (t *text) when(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	if t.Lang == "ru" {
		return at.Format("02.01.2006 15:04:05 MST")
	}
	return at.Format("2006-01-02 15:04:05 MST")
}
