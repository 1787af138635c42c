// Views of matrices and vectors in memory that somebody else owns.  They can be made from any object that has the
// members of std::span, std::mdspan or Eigen's matrices.  The header includes none of these.
#ifndef LANEFOLD_CPP_VIEWS_HPP
#define LANEFOLD_CPP_VIEWS_HPP

#include <lanefold/cpp/macros.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

template <class Element> struct MatrixView;

/// \cond
namespace detail {

template <class Object> using Bare = std::remove_cv_t<std::remove_reference_t<Object>>;

// A view of Element can be made from elements of From: Element has the same type, and is constant if From is.
template <class From, class Element>
inline constexpr bool converts = std::is_convertible_v<std::remove_pointer_t<From> (*)[], Element (*)[]>;

// The pointer that data() returns; void if there is no data().
template <class Object, class = void> struct DataOf { using Pointer = void; };
template <class Object> struct DataOf<Object, std::void_t<decltype(std::declval<Object &>().data())>> {
  using Pointer = std::decay_t<decltype(std::declval<Object &>().data())>;
};

// Like Eigen's matrices: data(), rows(), cols(), outerStride(), innerStride() and the constant IsRowMajor.
template <class Object, class = void> struct EigenLike : std::false_type {};
template <class Object>
struct EigenLike<Object, std::void_t<decltype(std::declval<Object &>().data(), std::declval<Object &>().rows(),
                                              std::declval<Object &>().cols(), std::declval<Object &>().outerStride(),
                                              std::declval<Object &>().innerStride(), Bare<Object>::IsRowMajor)>>
    : std::true_type, DataOf<Object> {};

// Like std::mdspan: data_handle(), extent(r), stride(r) and the constant function rank().
template <class Object, class = void> struct MdspanLike : std::false_type { static constexpr size_t rank = 0; };
template <class Object>
struct MdspanLike<Object,
                  std::void_t<decltype(std::declval<Object &>().data_handle(), std::declval<Object &>().extent(0),
                                       std::declval<Object &>().stride(0), Bare<Object>::rank())>> : std::true_type {
  static constexpr size_t rank = Bare<Object>::rank();
  using Pointer = std::decay_t<decltype(std::declval<Object &>().data_handle())>; // std::mdspan returns a reference
};

// Like std::span: data() and size().
template <class Object, class = void> struct SpanLike : std::false_type {};
template <class Object>
struct SpanLike<Object, std::void_t<decltype(std::declval<Object &>().data(), std::declval<Object &>().size())>>
    : std::true_type, DataOf<Object> {};

// Eigen's vectors say that they are vectors, whether they are rows or columns.
template <class Object, class = void> struct EigenVector : std::false_type {};
template <class Object>
struct EigenVector<Object, std::enable_if_t<EigenLike<Object>::value &&bool(Bare<Object>::IsVectorAtCompileTime)>>
    : std::true_type {};

// An owner of Eigen, such as a matrix, is its own PlainObject.  The PlainObject of a map or a block is an owner's type.
template <class Object, class = void> struct PlainObject { using Type = void; };
template <class Object> struct PlainObject<Object, std::void_t<typename Object::PlainObject>> {
  using Type = typename Object::PlainObject;
};

// True if the elements go away with the object.  A constant owner has constant elements, but the elements of a constant
// span or map may be mutable.
template <class Object> constexpr bool owns() {
  using Plain = typename PlainObject<Bare<Object>>::Type;
  if constexpr (!std::is_void_v<Plain>) return std::is_same_v<Plain, Bare<Object>>;
  else return !std::is_same_v<typename DataOf<const Bare<Object>>::Pointer, typename DataOf<Bare<Object>>::Pointer>;
}

// As with std::span, a view of a temporary owner can only be read, because what a call writes there would be lost.
template <class Object, class Element>
inline constexpr bool may_own = owns<Object>() && (std::is_lvalue_reference_v<Object> || std::is_const_v<Element>);

// The order in which an object stores its elements.  `unknown` means that only the running program can tell.
enum class Order { none, rows, columns, unknown };

template <class Object, class Element> constexpr Order order_of_matrix() {
  if constexpr (EigenLike<Object>::value) {
    if constexpr (converts<typename EigenLike<Object>::Pointer, Element>)
      return Bare<Object>::IsRowMajor ? Order::rows : EigenVector<Object>::value ? Order::unknown : Order::columns;
  } else if constexpr (MdspanLike<Object>::rank == 2) {
    if constexpr (converts<typename MdspanLike<Object>::Pointer, Element>) return Order::unknown;
  }
  return Order::none;
}

template <class Object, class Element> constexpr bool is_vector() {
  if constexpr (EigenLike<Object>::value)
    return EigenVector<Object>::value && converts<typename EigenLike<Object>::Pointer, Element>;
  else if constexpr (MdspanLike<Object>::value) {
    if constexpr (MdspanLike<Object>::rank == 1) return converts<typename MdspanLike<Object>::Pointer, Element>;
  } else if constexpr (SpanLike<Object>::value) return converts<typename SpanLike<Object>::Pointer, Element>;
  return false;
}

// True unless the type says that a matrix is stored by columns.
template <class Object, class Element> constexpr bool may_be_rows() {
  constexpr Order order = order_of_matrix<Object, Element>();
  return order == Order::rows || order == Order::unknown;
}

template <class Object> inline constexpr bool is_matrix = order_of_matrix<Object, const float>() != Order::none;

template <class Number> constexpr int64_t size_of(Number number) { return static_cast<int64_t>(number); }

} // namespace detail
/// \endcond

/// A row-major matrix in memory that somebody else owns.  A default-constructed view is an absent matrix, which stands
/// for NULL.  A view may describe other matrices too, but calls refuse a step other than 1.
template <class Element> struct MatrixView {
  Element *data = nullptr; ///< The first element; NULL if the matrix is absent.
  int64_t rows = 0;        ///< The number of rows.
  int64_t columns = 0;     ///< The number of columns.
  int64_t stride = 0;      ///< The distance from one row to the next, in elements.
  int64_t step = 1;        ///< The distance from one element of a row to the next.

  /// An absent matrix.
  MatrixView() = default;
  /// A matrix without gaps between its rows.
  constexpr MatrixView(Element *elements, int64_t row_count, int64_t column_count) noexcept
      : MatrixView(elements, row_count, column_count, column_count) {}
  /// A matrix whose rows lie row_stride elements apart.
  constexpr MatrixView(Element *elements, int64_t row_count, int64_t column_count, int64_t row_stride,
                       int64_t element_step = 1) noexcept
      : data(elements), rows(row_count), columns(column_count), stride(row_stride), step(element_step) {}
  /// A view of constant elements from a view of mutable elements, but not the reverse.
  template <class Other, class = std::enable_if_t<detail::converts<Other *, Element>>>
  constexpr MatrixView(const MatrixView<Other> &other) noexcept
      : MatrixView(other.data, other.rows, other.columns, other.stride, other.step) {}
  /// A view of an array of arrays, such as float x[2][3].
  template <class Other, size_t Rows, size_t Columns, class = std::enable_if_t<detail::converts<Other *, Element>>>
  constexpr MatrixView(Other (&array LANEFOLD_LIFETIMEBOUND)[Rows][Columns]) noexcept
      : MatrixView(array[0], detail::size_of(Rows), detail::size_of(Columns)) {}
  /// A view of an object like std::mdspan of rank 2, or like a row-major map or block of Eigen.
  template <class Object, std::enable_if_t<detail::may_be_rows<Object, Element>() && !detail::owns<Object>(), int> = 0>
  MatrixView(Object &&object) : MatrixView(of(object)) {}
  /// A view of an owner, such as a row-major matrix of Eigen.  A temporary one can be read, but not written.
  template <class Object,
            std::enable_if_t<detail::may_be_rows<Object, Element>() && detail::may_own<Object, Element>, int> = 0>
  MatrixView(Object &&object LANEFOLD_LIFETIMEBOUND) : MatrixView(of(object)) {}
  /// A matrix that is stored by columns is refused.  Only an Operand can be made from it.
  template <class Object,
            std::enable_if_t<detail::order_of_matrix<Object, Element>() == detail::Order::columns, int> = 0>
  MatrixView(Object &&) = delete;

  /// The element of a row and a column, without a check.
  constexpr Element &operator()(int64_t row, int64_t column) const noexcept {
    return data[row * stride + column * step];
  }
  /// `count` rows, beginning with row `first`.  The view must have them.
  [[nodiscard]] constexpr MatrixView row_range(int64_t first, int64_t count) const noexcept {
    return {data == nullptr ? data : data + first * stride, count, columns, stride, step};
  }
  /// The same elements with rows and columns exchanged.  Calls take it only in an Operand.
  [[nodiscard]] constexpr MatrixView exchanged() const noexcept { return {data, columns, rows, step, stride}; }

  /// \cond
  // As the object is stored, by rows or by columns.
  template <class Object> static MatrixView of(Object &object) {
    MatrixView view;
    if constexpr (detail::EigenLike<Object>::value) {
      view = {object.data(), detail::size_of(object.rows()), detail::size_of(object.cols()),
              detail::size_of(object.outerStride()), detail::size_of(object.innerStride())};
      if (!detail::Bare<Object>::IsRowMajor) std::swap(view.stride, view.step);
    } else {
      view = {object.data_handle(), detail::size_of(object.extent(0)), detail::size_of(object.extent(1)),
              detail::size_of(object.stride(0)), detail::size_of(object.stride(1))};
    }
    return view.settled();
  }
  // The same matrix, with the usual distances where there is only one row or one column.
  constexpr MatrixView settled() const noexcept {
    return {data, rows, columns, rows > 1 || stride > columns ? stride : columns, columns > 1 ? step : 1};
  }
  /// \endcond
};

/// A matrix that a call writes.
using Matrix = MatrixView<float>;
/// A matrix that a call reads.
using ConstMatrix = MatrixView<const float>;
/// A matrix of bytes that a call reads.
using ByteMatrix = MatrixView<const uint8_t>;

/// A vector in memory that somebody else owns.  A default-constructed view is an absent vector, which stands for NULL.
template <class Element> struct VectorView {
  Element *data = nullptr; ///< The first element; NULL if the vector is absent.
  int64_t size = 0;        ///< The number of elements.
  int64_t step = 1;        ///< The distance from one element to the next; calls refuse a step other than 1.

  /// An absent vector.
  VectorView() = default;
  /// An absent vector.
  constexpr VectorView(std::nullptr_t) noexcept {}
  /// A vector of `count` elements.
  constexpr VectorView(Element *elements, int64_t count, int64_t element_step = 1) noexcept
      : data(elements), size(count), step(element_step) {}
  /// A view of constant elements from a view of mutable elements, but not the reverse.
  template <class Other, class = std::enable_if_t<detail::converts<Other *, Element>>>
  constexpr VectorView(const VectorView<Other> &other) noexcept : VectorView(other.data, other.size, other.step) {}
  /// A view of an array, such as float bias[3].
  template <class Other, size_t Count, class = std::enable_if_t<detail::converts<Other *, Element>>>
  constexpr VectorView(Other (&array LANEFOLD_LIFETIMEBOUND)[Count]) noexcept
      : VectorView(array, detail::size_of(Count)) {}
  /// A view of an object like std::span, std::mdspan of rank 1, or a map or block of Eigen that is a vector.  An empty
  /// one is an absent vector.
  template <class Object, std::enable_if_t<detail::is_vector<Object, Element>() && !detail::owns<Object>(), int> = 0>
  VectorView(Object &&object) : VectorView(of(object)) {}
  /// A view of an owner, such as std::vector or a vector of Eigen.  A temporary one can be read, but not written.  An
  /// empty one is an absent vector.
  template <class Object,
            std::enable_if_t<detail::is_vector<Object, Element>() && detail::may_own<Object, Element>, int> = 0>
  VectorView(Object &&object LANEFOLD_LIFETIMEBOUND) : VectorView(of(object)) {}

  /// The element at an index, without a check.
  constexpr Element &operator[](int64_t index) const noexcept { return data[index * step]; }

private:
  /// \cond
  template <class Object> static VectorView of(Object &object) {
    VectorView view;
    if constexpr (detail::EigenLike<Object>::value)
      view = {object.data(), detail::size_of(object.size()), detail::size_of(object.innerStride())};
    else if constexpr (detail::MdspanLike<Object>::value)
      view = {object.data_handle(), detail::size_of(object.extent(0)), detail::size_of(object.stride(0))};
    else view = {object.data(), detail::size_of(object.size())};
    if (view.size == 0) view.data = nullptr;
    if (view.size <= 1) view.step = 1;
    return view;
  }
  /// \endcond
};

/// A vector that a call writes.
using Vector = VectorView<float>;
/// A vector that a call reads.
using ConstVector = VectorView<const float>;
/// Labels or other classes, one for each row of a matrix.
using Labels = VectorView<const int32_t>;
/// Indices of rows.
using RowIndices = VectorView<const uint32_t>;

/// An operand of a product: a matrix as it is stored by rows, or its transpose.  A matrix that is stored by columns is
/// the transpose of one that is stored by rows.
struct Operand {
  ConstMatrix stored;         ///< The matrix in memory.
  bool is_transposed = false; ///< True if the product reads its transpose.

  /// A matrix as it is stored.
  constexpr Operand(ConstMatrix matrix LANEFOLD_LIFETIMEBOUND) noexcept : Operand(matrix, false) {}
  /// A matrix as it is stored.
  constexpr Operand(Matrix matrix) noexcept : Operand(ConstMatrix(matrix)) {}
  /// A matrix without gaps between its rows.
  constexpr Operand(const float *elements, int64_t row_count, int64_t column_count) noexcept
      : stored(elements, row_count, column_count) {}
  /// A matrix whose rows lie row_stride elements apart.
  constexpr Operand(const float *elements, int64_t row_count, int64_t column_count, int64_t row_stride) noexcept
      : stored(elements, row_count, column_count, row_stride) {}
  /// A matrix in memory, or its transpose.  With a step other than 1, the matrix is stored by columns, or is one row
  /// with gaps between its elements.  Such a row lies in memory like a column of a row-major matrix.
  constexpr Operand(ConstMatrix matrix, bool transposed) noexcept : stored(matrix), is_transposed(transposed) {
    if (stored.step != 1) stored = stored.settled();
    if (stored.step != 1) stored = stored.exchanged().settled(), is_transposed = !transposed;
  }
  /// A view of an array of arrays, such as float x[2][3].
  template <size_t Rows, size_t Columns>
  constexpr Operand(const float (&array LANEFOLD_LIFETIMEBOUND)[Rows][Columns]) noexcept : stored(array) {}
  /// An object like std::mdspan of rank 2 or like a map or block of Eigen, stored by rows or by columns.
  template <class Object, std::enable_if_t<detail::is_matrix<Object> && !detail::owns<Object>(), int> = 0>
  Operand(Object &&object) : Operand(ConstMatrix::of(object)) {}
  /// An owner, such as a matrix of Eigen, stored by rows or by columns.
  template <class Object, std::enable_if_t<detail::is_matrix<Object> && detail::owns<Object>(), int> = 0>
  Operand(Object &&object LANEFOLD_LIFETIMEBOUND) : Operand(ConstMatrix::of(object)) {}

  /// The number of rows of the operand, after the transpose.
  [[nodiscard]] constexpr int64_t rows() const noexcept { return is_transposed ? stored.columns : stored.rows; }
  /// The number of columns of the operand, after the transpose.
  [[nodiscard]] constexpr int64_t columns() const noexcept { return is_transposed ? stored.rows : stored.columns; }
};

/// The transpose of an operand.  No element moves.
[[nodiscard]] constexpr Operand transpose(Operand operand LANEFOLD_LIFETIMEBOUND) noexcept {
  operand.is_transposed = !operand.is_transposed;
  return operand;
}

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
