package sdkclient

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// message makes a call whose answer, when it is 200, is a message.
func (c *Client) message(k kind, method, path string, query []parameter, body []byte) (*Message, *Reply, error) {
	reply, err := c.call(method, path, query, body, true)
	if err != nil || reply.Status != http.StatusOK {
		return &Message{}, reply, err
	}
	m, err := c.parse(k, reply.Body)
	return m, reply, err
}

// CloudSign is POST /CloudSign.
func (c *Client) CloudSign(files []File, thumbprint string) (*Message, *Reply, error) {
	return c.message(asyncResult, http.MethodPost, "/CloudSign", optional("certificateThumbprint", thumbprint), c.signRequest(files, false, false, ""))
}

func optional(name, value string) []parameter {
	if value == "" {
		return nil
	}
	return []parameter{{name, value}}
}

// CloudSignResult is GET /CloudSignResult.
func (c *Client) CloudSignResult(task string) (*Message, *Reply, error) {
	return c.message(tokenResult, http.MethodGet, "/CloudSignResult", []parameter{{"taskId", task}}, nil)
}

// CloudSignConfirm is POST /CloudSignConfirm. How is Content, Reference, or empty, which Java never sends.
func (c *Client) CloudSignConfirm(token, code, how string) (*Message, *Reply, error) {
	query := []parameter{{"token", token}, {"confirmationCode", code}}
	if how == "" && c.Flavor == Java {
		how = "Content"
	}
	query = append(query, optional("return", how)...)
	return c.message(asyncResult, http.MethodPost, "/CloudSignConfirm", query, nil)
}

// CloudSignConfirmResult is GET /CloudSignConfirmResult.
func (c *Client) CloudSignConfirmResult(task string) (*Message, *Reply, error) {
	return c.message(signaturesResult, http.MethodGet, "/CloudSignConfirmResult", []parameter{{"taskId", task}}, nil)
}

// DssSign is POST /DssSign.
func (c *Client) DssSign(box string, files []File, thumbprint string) (*Message, *Reply, error) {
	query := append([]parameter{{"boxId", box}}, optional("certificateThumbprint", thumbprint)...)
	return c.message(asyncResult, http.MethodPost, "/DssSign", query, c.signRequest(files, true, false, ""))
}

// DssSignV2 is POST /V2/DssSign, which the Java SDK does not have.
func (c *Client) DssSignV2(box string, files []File, thumbprint string) (*Message, *Reply, error) {
	return c.message(asyncResult, http.MethodPost, "/V2/DssSign", []parameter{{"boxId", box}}, c.signRequest(files, true, true, thumbprint))
}

// DssSignResult is GET /DssSignResult.
func (c *Client) DssSignResult(box, task string) (*Message, *Reply, error) {
	return c.message(dssResult, http.MethodGet, "/DssSignResult", []parameter{{"boxId", box}, {"taskId", task}}, nil)
}

// AutoSignReceipts is POST /AutoSignReceipts.
func (c *Client) AutoSignReceipts(box, thumbprint, key string) (*Message, *Reply, error) {
	query := append([]parameter{{"boxId", box}}, optional("certificateThumbprint", thumbprint)...)
	return c.message(asyncResult, http.MethodPost, "/AutoSignReceipts", append(query, optional("batchKey", key)...), nil)
}

// AutosignReceiptsResult is GET /AutosignReceiptsResult, spelled as the SDKs do.
func (c *Client) AutosignReceiptsResult(task string) (*Message, *Reply, error) {
	return c.message(receiptsResult, http.MethodGet, "/AutosignReceiptsResult", []parameter{{"taskId", task}}, nil)
}

// ShelfUpload is POST /ShelfUpload of one part. Java and C# write isLastPart=1 with the last one only.
func (c *Client) ShelfUpload(name string, part int, last bool, data []byte) (*Reply, error) {
	query := []parameter{{"nameOnShelf", "__userId__/" + name}, {"partIndex", strconv.Itoa(part)}}
	if last {
		query = append(query, parameter{"isLastPart", "1"})
	}
	return c.call(http.MethodPost, "/ShelfUpload", query, data, false)
}

// ShelfDownload is GET /ShelfDownload.
func (c *Client) ShelfDownload(name string) (*Reply, error) {
	return c.call(http.MethodGet, "/ShelfDownload", []parameter{{"nameOnShelf", "__userId__/" + name}}, nil, false)
}

// ShelfUploadV2 is POST /V2/ShelfUpload. The name is the body of the answer.
func (c *Client) ShelfUploadV2(extension string, data []byte) (*Reply, error) {
	return c.call(http.MethodPost, "/V2/ShelfUpload", []parameter{{"fileExtension", extension}}, data, false)
}

// ShelfUploadPartInit is POST /ShelfUploadPartInit. Without last, isLastPart is not sent.
func (c *Client) ShelfUploadPartInit(extension string, last bool, data []byte) (*Reply, error) {
	query := []parameter{{"fileExtension", extension}}
	if last {
		query = append(query, parameter{"isLastPart", c.flag(true)})
	}
	return c.call(http.MethodPost, "/ShelfUploadPartInit", query, data, false)
}

// ShelfUploadPart is POST /ShelfUploadPart.
func (c *Client) ShelfUploadPart(name string, part int, last bool, data []byte) (*Reply, error) {
	query := []parameter{{"fileName", name}, {"partIndex", strconv.Itoa(part)}, {"isLastPart", c.flag(last)}}
	return c.call(http.MethodPost, "/ShelfUploadPart", query, data, false)
}

// ShelfDownloadV2 is GET /V2/ShelfDownload.
func (c *Client) ShelfDownloadV2(name string) (*Reply, error) {
	return c.call(http.MethodGet, "/V2/ShelfDownload", []parameter{{"fileName", name}}, nil, false)
}

// Raw makes any call; the target is as it is written in the request.
func (c *Client) Raw(method, target string, body []byte) (*Reply, error) {
	c.Sent = 1
	reply, _, err := c.once(method, target, body, true, Whole)
	if err != nil {
		c.Close()
	}
	return reply, err
}

// Wait asks until the answer is not 204. The pause is short, of what Retry-After says: the service may hold questions open, or
// not.
func (c *Client) Wait(ask func() (*Message, *Reply, error)) (*Message, *Reply, error) {
	const pause = 10 * time.Millisecond
	for end := time.Now().Add(longest); time.Now().Before(end); time.Sleep(pause) {
		m, reply, err := ask()
		if err != nil || reply.Status != http.StatusNoContent {
			return m, reply, err
		}
	}
	return nil, nil, errors.New("sdkclient: the task is under way for too long")
}
